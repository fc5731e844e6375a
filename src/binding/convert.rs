//! Values between JavaScript and Rust: one flat array in, one flat array out.
//!
//! Written against the raw Node-API: these conversions run for every cell of every row.

use std::ptr;

use napi::bindgen_prelude::*;
use napi::{check_status, sys};

use super::packed::{self, Packed};
use crate::engine::Rows;
use crate::value::{Value, is_safe_integer};

/// The values of a call, from a JavaScript array.
pub struct Values(pub Vec<Value>);

/// The values of several calls; none where those of one cannot be stored, which says so when it runs
/// by itself.
pub struct ValuesOfEach(pub Option<Vec<Vec<Value>>>);

/// The cells of a result, to a JavaScript array.
pub struct Cells(pub Rows);

impl TypeName for Values {
    fn type_name() -> &'static str {
        "Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for Values {}

impl FromNapiValue for Values {
    unsafe fn from_napi_value(env: sys::napi_env, array: sys::napi_value) -> Result<Self> {
        // SAFETY: napi passes a live environment and a value of the current call.
        unsafe { values(env, array) }.map(Self)
    }
}

impl TypeName for ValuesOfEach {
    fn type_name() -> &'static str {
        "Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for ValuesOfEach {}

impl FromNapiValue for ValuesOfEach {
    unsafe fn from_napi_value(env: sys::napi_env, array: sys::napi_value) -> Result<Self> {
        let one = |element| {
            // SAFETY: the environment is live, and the element of the current handle scope.
            unsafe { values(env, element) }
        };
        // SAFETY: napi passes a live environment and a value of the current call.
        let each = unsafe { elements(env, array, one) };
        Ok(Self(each.ok()))
    }
}

/// # Safety
/// `env` is live and `array` belongs to the current handle scope.
unsafe fn values(env: sys::napi_env, array: sys::napi_value) -> Result<Vec<Value>> {
    // SAFETY: as this function demands; the elements are of the same scope.
    unsafe { elements(env, array, |element| value(env, element)) }
}

/// # Safety
/// `env` is live and `array` belongs to the current handle scope, to which the elements will.
unsafe fn elements<T>(
    env: sys::napi_env,
    array: sys::napi_value,
    read: impl Fn(sys::napi_value) -> Result<T>,
) -> Result<Vec<T>> {
    let mut length = 0;
    // SAFETY: as this function demands; `length` is written before it is read.
    check_status!(unsafe { sys::napi_get_array_length(env, array, &mut length) })?;
    (0..length)
        .map(|index| {
            let mut element = ptr::null_mut();
            // SAFETY: as above; `element` is written on success and used only then.
            check_status!(unsafe { sys::napi_get_element(env, array, index, &mut element) })?;
            read(element)
        })
        .collect()
}

/// # Safety
/// `env` is live and `js` belongs to the current handle scope.
unsafe fn value(env: sys::napi_env, js: sys::napi_value) -> Result<Value> {
    let mut kind = 0;
    // SAFETY: as this function demands, for this and every call below; out parameters are
    // written before they are read.
    check_status!(unsafe { sys::napi_typeof(env, js, &mut kind) })?;
    match kind {
        sys::ValueType::napi_null | sys::ValueType::napi_undefined => Ok(Value::Null),
        sys::ValueType::napi_boolean => {
            let mut boolean = false;
            // SAFETY: see above.
            check_status!(unsafe { sys::napi_get_value_bool(env, js, &mut boolean) })?;
            Ok(Value::Boolean(boolean))
        }
        sys::ValueType::napi_number => {
            let mut number = 0.0;
            // SAFETY: see above.
            check_status!(unsafe { sys::napi_get_value_double(env, js, &mut number) })?;
            Ok(from_number(number))
        }
        sys::ValueType::napi_bigint => {
            let (mut integer, mut lossless) = (0, false);
            // SAFETY: see above.
            check_status!(unsafe {
                sys::napi_get_value_bigint_int64(env, js, &mut integer, &mut lossless)
            })?;
            if lossless {
                Ok(Value::Integer(integer))
            } else {
                Err(unusable("a bigint of more than 64 bits"))
            }
        }
        // SAFETY: see above.
        sys::ValueType::napi_string => unsafe { text(env, js) }.map(Value::Text),
        // SAFETY: see above.
        sys::ValueType::napi_object => unsafe { values(env, js) }.map(Value::List),
        _ => Err(unusable("a value of this type")),
    }
}

pub fn from_number(number: f64) -> Value {
    let integer = number as i64;
    if integer as f64 == number && is_safe_integer(integer) {
        Value::Integer(integer)
    } else if number.is_nan() {
        Value::Null
    } else {
        Value::Real(number)
    }
}

pub fn unusable(what: &str) -> Error {
    Error::new(Status::InvalidArg, format!("{what} cannot be stored"))
}

/// # Safety
/// As `value`, and `js` is a string.
pub unsafe fn text(env: sys::napi_env, js: sys::napi_value) -> Result<String> {
    // Most values are short: one call with room for them saves asking for the length first.
    let mut room = Vec::<u8>::with_capacity(128);
    let mut written = 0;
    // SAFETY: the buffer has `capacity` bytes; napi writes at most that many, a NUL included,
    // and whole characters only.
    check_status!(unsafe {
        sys::napi_get_value_string_utf8(
            env,
            js,
            room.as_mut_ptr().cast(),
            room.capacity(),
            &mut written,
        )
    })?;
    // A character takes at most 4 bytes: with room to spare for one more, nothing was cut off.
    if written + 5 > room.capacity() {
        let mut length = 0;
        // SAFETY: a null buffer asks for the length in bytes.
        check_status!(unsafe {
            sys::napi_get_value_string_utf8(env, js, ptr::null_mut(), 0, &mut length)
        })?;
        room.reserve_exact(length + 1);
        // SAFETY: the buffer has room for `length` bytes and the NUL.
        check_status!(unsafe {
            sys::napi_get_value_string_utf8(
                env,
                js,
                room.as_mut_ptr().cast(),
                length + 1,
                &mut written,
            )
        })?;
    }
    // SAFETY: napi wrote `written` bytes into the buffer.
    unsafe { room.set_len(written) };
    // Node replaces lone surrogates while it writes, so this copies nothing.
    String::from_utf8(room).map_err(|_| unusable("a text that is not Unicode"))
}

impl ToNapiValue for Cells {
    unsafe fn to_napi_value(env: sys::napi_env, cells: Self) -> Result<sys::napi_value> {
        // SAFETY: napi passes a live environment with an open handle scope.
        unsafe {
            if are_many(&cells.0) {
                Packed::to_napi_value(env, Packed::of(&cells.0))
            } else {
                js_array(env, &cells.0)
            }
        }
    }
}

fn are_many(cells: &[Value]) -> bool {
    let nested = |cell: &Value| match cell {
        Value::List(cells) => cells.len(),
        _ => 0,
    };
    cells.len() + cells.iter().map(nested).sum::<usize>() >= packed::WORTH_IT
}

/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_array(env: sys::napi_env, cells: &[Value]) -> Result<sys::napi_value> {
    let mut array = ptr::null_mut();
    // SAFETY: as this function demands; `array` is written before it is used.
    check_status!(unsafe { sys::napi_create_array_with_length(env, cells.len(), &mut array) })?;
    for (index, cell) in cells.iter().enumerate() {
        // SAFETY: as above; a result has fewer than 2^32 cells.
        unsafe {
            let element = js_value(env, cell)?;
            check_status!(sys::napi_set_element(env, array, index as u32, element))?;
        }
    }
    Ok(array)
}

/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_value(env: sys::napi_env, cell: &Value) -> Result<sys::napi_value> {
    let mut js = ptr::null_mut();
    // SAFETY: as this function demands; `js` is written on success and returned only then, and
    // texts are passed with their length.
    let status = unsafe {
        match cell {
            Value::Null => sys::napi_get_null(env, &mut js),
            Value::Boolean(boolean) => sys::napi_get_boolean(env, *boolean, &mut js),
            Value::Integer(integer) | Value::Timestamp(integer) => {
                sys::napi_create_double(env, *integer as f64, &mut js)
            }
            Value::Real(real) => sys::napi_create_double(env, *real, &mut js),
            Value::Text(text) => sys::napi_create_string_utf8(
                env,
                text.as_ptr().cast(),
                text.len() as isize,
                &mut js,
            ),
            Value::List(cells) => return js_array(env, cells),
        }
    };
    check_status!(status)?;
    Ok(js)
}
