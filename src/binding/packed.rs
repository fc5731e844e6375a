//! Many cells at once: their texts side by side in a few long strings, everything else in one
//! buffer. `js/adapter/cells.js` takes them apart.
//!
//! Cell by cell, each costs two calls of Node-API, about 100 ns together; taken apart by
//! JavaScript, about 25.

use std::ptr;

use napi::bindgen_prelude::*;
use napi::{check_status, sys};

use crate::value::Value;

/// From so many cells on, packing pays.
pub const WORTH_IT: usize = 64;

/// Where a string ends and the next begins, in bytes: a text that somebody keeps keeps the string
/// that it is a part of.
const LONG: usize = 32 * 1024;

/// What a cell is, as JavaScript reads it.
#[repr(u8)]
enum Is {
    Null,
    False,
    True,
    Number,
    /// So many UTF-16 units from where the last text ended.
    Text,
    /// The same, of the next string.
    TextOfNext,
    /// So many cells that follow.
    List,
}

#[derive(Default)]
pub struct Packed {
    strings: Vec<String>,
    numbers: Vec<f64>,
    is: Vec<u8>,
}

impl Packed {
    pub fn of(cells: &[Value]) -> Self {
        let mut packed = Self::default();
        packed.numbers.reserve(cells.len());
        packed.is.reserve(cells.len());
        packed.add_all(cells);
        packed
    }

    fn add_all(&mut self, cells: &[Value]) {
        for cell in cells {
            match cell {
                Value::Null => self.add(Is::Null, 0.0),
                Value::Boolean(false) => self.add(Is::False, 0.0),
                Value::Boolean(true) => self.add(Is::True, 0.0),
                Value::Integer(integer) | Value::Timestamp(integer) => {
                    self.add(Is::Number, *integer as f64);
                }
                Value::Real(real) => self.add(Is::Number, *real),
                Value::Text(text) => self.add_text(text),
                Value::List(cells) => {
                    self.add(Is::List, cells.len() as f64);
                    self.add_all(cells);
                }
            }
        }
    }

    fn add(&mut self, is: Is, number: f64) {
        self.is.push(is as u8);
        self.numbers.push(number);
    }

    fn add_text(&mut self, text: &str) {
        let units = if text.is_ascii() {
            text.len()
        } else {
            text.encode_utf16().count()
        };
        match self.strings.last_mut() {
            Some(string) if string.len() + text.len() <= LONG => {
                string.push_str(text);
                self.add(Is::Text, units as f64);
            }
            _ => {
                let mut string = String::with_capacity(text.len().max(LONG / 2));
                string.push_str(text);
                self.strings.push(string);
                self.add(Is::TextOfNext, units as f64);
            }
        }
    }
}

impl ToNapiValue for Packed {
    unsafe fn to_napi_value(env: sys::napi_env, packed: Self) -> Result<sys::napi_value> {
        let (mut strings, mut object) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: napi passes a live environment with an open handle scope; out parameters are
        // written before they are read, and the names end with a NUL.
        unsafe {
            let count = packed.strings.len();
            check_status!(sys::napi_create_array_with_length(env, count, &mut strings))?;
            for (index, string) in packed.strings.iter().enumerate() {
                let string = js_string(env, string)?;
                check_status!(sys::napi_set_element(env, strings, index as u32, string))?;
            }
            let buffer = js_buffer(env, &packed)?;
            check_status!(sys::napi_create_object(env, &mut object))?;
            for (name, value) in [(c"strings", strings), (c"buffer", buffer)] {
                let name = name.as_ptr();
                check_status!(sys::napi_set_named_property(env, object, name, value))?;
            }
        }
        Ok(object)
    }
}

/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_string(env: sys::napi_env, string: &str) -> Result<sys::napi_value> {
    let mut js = ptr::null_mut();
    // Of ASCII, a byte is a unit, and nothing has to be decoded.
    let create = if string.is_ascii() {
        sys::napi_create_string_latin1
    } else {
        sys::napi_create_string_utf8
    };
    // SAFETY: as this function demands; the text is passed with its length, and `js` is written on
    // success and used only then.
    check_status!(unsafe { create(env, string.as_ptr().cast(), string.len() as isize, &mut js) })?;
    Ok(js)
}

/// A double for every cell, and then a byte for every cell.
///
/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_buffer(env: sys::napi_env, packed: &Packed) -> Result<sys::napi_value> {
    let (numbers, is) = (&packed.numbers, &packed.is);
    let (mut js, mut bytes) = (ptr::null_mut(), ptr::null_mut());
    let size = numbers.len() * size_of::<f64>();
    // SAFETY: as this function demands; both out parameters are written on success.
    check_status!(unsafe {
        sys::napi_create_arraybuffer(env, size + is.len(), &mut bytes, &mut js)
    })?;
    // SAFETY: the buffer has `size` bytes for the numbers and `is.len()` after them, is nobody
    // else's yet, and overlaps neither vector.
    unsafe {
        let bytes = bytes.cast::<u8>();
        ptr::copy_nonoverlapping(numbers.as_ptr().cast::<u8>(), bytes, size);
        ptr::copy_nonoverlapping(is.as_ptr(), bytes.add(size), is.len());
    }
    Ok(js)
}
