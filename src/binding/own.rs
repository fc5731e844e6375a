//! The values and answers of the application's own SQL: every value as the JavaScript it is.

use std::ptr;

use napi::bindgen_prelude::*;
use napi::{check_status, sys};

use super::convert::{text, unusable};
use crate::engine::own::{Answer, Cell};
use crate::value::{MAX_SAFE_INTEGER, is_safe_integer};

/// The values of a statement, from a JavaScript array.
pub struct Given(pub Vec<Cell>);

/// `{ columns, cells, affected, insertId }`
pub struct Answered(pub Answer);

impl TypeName for Given {
    fn type_name() -> &'static str {
        "Array"
    }

    fn value_type() -> ValueType {
        ValueType::Object
    }
}

impl ValidateNapiValue for Given {}

impl FromNapiValue for Given {
    unsafe fn from_napi_value(env: sys::napi_env, array: sys::napi_value) -> Result<Self> {
        let mut length = 0;
        // SAFETY: napi passes a live environment and a value of the current call; `length` is
        // written before it is read.
        check_status!(unsafe { sys::napi_get_array_length(env, array, &mut length) })?;
        let values = (0..length).map(|index| {
            let mut element = ptr::null_mut();
            // SAFETY: as above; `element` is written on success and used only then.
            check_status!(unsafe { sys::napi_get_element(env, array, index, &mut element) })?;
            // SAFETY: `element` belongs to the current handle scope.
            unsafe { given(env, element) }
        });
        values.collect::<Result<_>>().map(Self)
    }
}

/// # Safety
/// `env` is live and `js` belongs to the current handle scope.
unsafe fn given(env: sys::napi_env, js: sys::napi_value) -> Result<Cell> {
    let mut kind = 0;
    // SAFETY: as this function demands, for this and every call below; out parameters are
    // written before they are read.
    check_status!(unsafe { sys::napi_typeof(env, js, &mut kind) })?;
    Ok(match kind {
        sys::ValueType::napi_null => Cell::Null,
        sys::ValueType::napi_boolean => {
            let mut boolean = false;
            // SAFETY: see above.
            check_status!(unsafe { sys::napi_get_value_bool(env, js, &mut boolean) })?;
            Cell::Boolean(boolean)
        }
        sys::ValueType::napi_number => {
            let mut number = 0.0;
            // SAFETY: see above.
            check_status!(unsafe { sys::napi_get_value_double(env, js, &mut number) })?;
            let integer = number as i64;
            if integer as f64 == number && is_safe_integer(integer) {
                Cell::Integer(integer)
            } else {
                Cell::Real(number)
            }
        }
        // SAFETY: see above.
        sys::ValueType::napi_bigint => unsafe { bigint(env, js) }?,
        // SAFETY: see above.
        sys::ValueType::napi_string => Cell::Text(unsafe { text(env, js) }?),
        // SAFETY: see above.
        sys::ValueType::napi_object => unsafe { object(env, js) }?,
        _ => return Err(unusable("a value of this type")),
    })
}

/// # Safety
/// As `given`, and `js` is a bigint.
unsafe fn bigint(env: sys::napi_env, js: sys::napi_value) -> Result<Cell> {
    let (mut integer, mut lossless) = (0, false);
    // SAFETY: as this function demands, and out parameters are written before they are read.
    check_status!(unsafe {
        sys::napi_get_value_bigint_int64(env, js, &mut integer, &mut lossless)
    })?;
    if lossless {
        return Ok(Cell::Integer(integer));
    }
    let (mut integer, mut lossless) = (0, false);
    // SAFETY: as above.
    check_status!(unsafe {
        sys::napi_get_value_bigint_uint64(env, js, &mut integer, &mut lossless)
    })?;
    if lossless {
        return Ok(Cell::Unsigned(integer));
    }
    Err(unusable("a bigint of more than 64 bits"))
}

/// A date, bytes, or what becomes JSON.
///
/// # Safety
/// As `given`, and `js` is an object.
unsafe fn object(env: sys::napi_env, js: sys::napi_value) -> Result<Cell> {
    let (mut is_date, mut is_bytes) = (false, false);
    // SAFETY: as this function demands, for this and every call below; out parameters are written
    // before they are read.
    check_status!(unsafe { sys::napi_is_date(env, js, &mut is_date) })?;
    if is_date {
        let mut milliseconds = 0.0;
        // SAFETY: `js` is a date.
        check_status!(unsafe { sys::napi_get_date_value(env, js, &mut milliseconds) })?;
        return Ok(Cell::Moment(milliseconds as i64));
    }
    // SAFETY: see above.
    check_status!(unsafe { sys::napi_is_buffer(env, js, &mut is_bytes) })?;
    if is_bytes {
        let (mut start, mut length) = (ptr::null_mut(), 0);
        // SAFETY: `js` is a buffer or another view of bytes.
        check_status!(unsafe { sys::napi_get_buffer_info(env, js, &mut start, &mut length) })?;
        if length == 0 {
            return Ok(Cell::Bytes(Vec::new()));
        }
        // SAFETY: `length` bytes begin there, and no JavaScript runs before they are copied.
        let bytes = unsafe { std::slice::from_raw_parts(start.cast::<u8>(), length) };
        return Ok(Cell::Bytes(bytes.to_vec()));
    }
    // SAFETY: as this function demands.
    let json = unsafe { json(env, c"stringify", js)? };
    let mut kind = 0;
    // SAFETY: see above.
    check_status!(unsafe { sys::napi_typeof(env, json, &mut kind) })?;
    if kind != sys::ValueType::napi_string {
        return Err(unusable("an object without JSON"));
    }
    // SAFETY: `json` is a string of the current handle scope.
    Ok(Cell::Json(unsafe { text(env, json) }?))
}

/// What `JSON.parse` or `JSON.stringify` makes of a value; what they throw is thrown on.
///
/// # Safety
/// `env` is live and `value` belongs to the current handle scope.
unsafe fn json(
    env: sys::napi_env,
    function: &std::ffi::CStr,
    value: sys::napi_value,
) -> Result<sys::napi_value> {
    let (mut global, mut object) = (ptr::null_mut(), ptr::null_mut());
    let (mut method, mut result) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: as this function demands; names end with a NUL, and each out parameter is written on
    // success and used only then.
    unsafe {
        check_status!(sys::napi_get_global(env, &mut global))?;
        check_status!(sys::napi_get_named_property(
            env,
            global,
            c"JSON".as_ptr(),
            &mut object
        ))?;
        check_status!(sys::napi_get_named_property(
            env,
            object,
            function.as_ptr(),
            &mut method
        ))?;
        let called = sys::napi_call_function(env, object, method, 1, &value, &mut result);
        check_status!(called)?;
    }
    Ok(result)
}

impl ToNapiValue for Answered {
    unsafe fn to_napi_value(env: sys::napi_env, Answered(answer): Self) -> Result<sys::napi_value> {
        let columns = answer.columns.into_iter().map(Cell::Text).collect();
        let new_id = answer.new_id.map_or(Cell::Null, insert_id);
        let affected = Cell::Integer(i64::try_from(answer.affected).unwrap_or(i64::MAX));
        let mut object = ptr::null_mut();
        // SAFETY: napi passes a live environment with an open handle scope; out parameters are
        // written before they are read, and the names end with a NUL.
        unsafe {
            check_status!(sys::napi_create_object(env, &mut object))?;
            for (name, cell) in [
                (c"columns", &Cell::List(columns)),
                (c"cells", &Cell::List(answer.cells)),
                (c"affected", &affected),
                (c"insertId", &new_id),
            ] {
                let value = js_cell(env, cell)?;
                check_status!(sys::napi_set_named_property(
                    env,
                    object,
                    name.as_ptr(),
                    value
                ))?;
            }
        }
        Ok(object)
    }
}

/// As text where JavaScript has no such number.
fn insert_id(id: Cell) -> Cell {
    match id {
        Cell::Integer(integer) if !is_safe_integer(integer) => Cell::Text(integer.to_string()),
        Cell::Unsigned(integer) if integer > MAX_SAFE_INTEGER as u64 => {
            Cell::Text(integer.to_string())
        }
        other => other,
    }
}

/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_cell(env: sys::napi_env, cell: &Cell) -> Result<sys::napi_value> {
    let mut js = ptr::null_mut();
    // SAFETY: as this function demands; `js` is written on success and returned only then, and
    // texts are passed with their length.
    let status = unsafe {
        match cell {
            Cell::Null => sys::napi_get_null(env, &mut js),
            Cell::Boolean(boolean) => sys::napi_get_boolean(env, *boolean, &mut js),
            Cell::Integer(integer) if is_safe_integer(*integer) => {
                sys::napi_create_double(env, *integer as f64, &mut js)
            }
            Cell::Integer(integer) => sys::napi_create_bigint_int64(env, *integer, &mut js),
            Cell::Unsigned(integer) => sys::napi_create_bigint_uint64(env, *integer, &mut js),
            Cell::Real(real) => sys::napi_create_double(env, *real, &mut js),
            Cell::Moment(milliseconds) => sys::napi_create_date(env, *milliseconds as f64, &mut js),
            Cell::Text(text) => sys::napi_create_string_utf8(
                env,
                text.as_ptr().cast(),
                text.len() as isize,
                &mut js,
            ),
            Cell::Json(text) => {
                let text = js_cell(env, &Cell::Text(text.clone()))?;
                return json(env, c"parse", text).or_else(|_| as_text(env, text));
            }
            Cell::Bytes(bytes) => return js_bytes(env, bytes),
            Cell::List(cells) => return js_list(env, cells),
        }
    };
    check_status!(status)?;
    Ok(js)
}

/// What JavaScript does not take for JSON stays a text, and nothing is thrown.
///
/// # Safety
/// `env` is live.
unsafe fn as_text(env: sys::napi_env, text: sys::napi_value) -> Result<sys::napi_value> {
    let mut thrown = ptr::null_mut();
    // SAFETY: as this function demands; `thrown` is not used.
    check_status!(unsafe { sys::napi_get_and_clear_last_exception(env, &mut thrown) })?;
    Ok(text)
}

/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_list(env: sys::napi_env, cells: &[Cell]) -> Result<sys::napi_value> {
    let mut array = ptr::null_mut();
    // SAFETY: as this function demands; `array` is written before it is used.
    check_status!(unsafe { sys::napi_create_array_with_length(env, cells.len(), &mut array) })?;
    for (index, cell) in cells.iter().enumerate() {
        // SAFETY: as above; an answer has fewer than 2^32 cells.
        unsafe {
            let element = js_cell(env, cell)?;
            check_status!(sys::napi_set_element(env, array, index as u32, element))?;
        }
    }
    Ok(array)
}

/// A `Uint8Array` with memory of its own.
///
/// # Safety
/// `env` is live and a handle scope is open.
unsafe fn js_bytes(env: sys::napi_env, bytes: &[u8]) -> Result<sys::napi_value> {
    let (mut start, mut buffer, mut view) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    let length = bytes.len();
    // SAFETY: as this function demands; the buffer has `length` bytes, is nobody else's yet, and
    // does not overlap `bytes`. Of no bytes, nothing is copied and `start` may be null.
    unsafe {
        check_status!(sys::napi_create_arraybuffer(
            env,
            length,
            &mut start,
            &mut buffer
        ))?;
        if length > 0 {
            ptr::copy_nonoverlapping(bytes.as_ptr(), start.cast::<u8>(), length);
        }
        let kind = sys::TypedarrayType::uint8_array;
        check_status!(sys::napi_create_typedarray(
            env, kind, length, buffer, 0, &mut view
        ))?;
    }
    Ok(view)
}
