//! Results as they cross the border.
//!
//! Node-API rejections made from Rust lose custom codes, so a failure crosses as an ordinary
//! value, `{ failure: { code, message, ... } }`, and `js/native.js` throws it as the package's
//! one error class, on the synchronous and on the asynchronous path alike.

use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::bindgen_prelude::*;

use crate::error::{Code, Error, Result as CoreResult};

pub struct Outcome<T>(pub CoreResult<T>);

impl<T> Outcome<T> {
    /// Runs `work`, turning a panic into an INTERNAL failure: nothing may unwind into Node.
    pub fn of(work: impl FnOnce() -> CoreResult<T>) -> Self {
        Self(catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(panicked(&*panic))))
    }
}

pub fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let reason = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_default();
    Error::new(
        Code::Internal,
        "better-auth-native hit a defect; please report it",
    )
    .with_cause(reason)
}

impl<T: ToNapiValue> ToNapiValue for Outcome<T> {
    unsafe fn to_napi_value(raw: sys::napi_env, outcome: Self) -> Result<sys::napi_value> {
        match outcome.0 {
            // SAFETY: `raw` is the environment napi handed to this conversion.
            Ok(value) => unsafe { T::to_napi_value(raw, value) },
            Err(error) => {
                let error = error.into_details();
                let env = Env::from_raw(raw);
                let mut failure = Object::new(&env)?;
                failure.set("code", error.code.as_str())?;
                failure.set("message", error.message)?;
                failure.set("retryable", error.retryable)?;
                for (name, detail) in [
                    ("table", error.table),
                    ("column", error.column),
                    ("constraint", error.constraint),
                    ("sqlState", error.sql_state),
                    ("cause", error.cause),
                ] {
                    if let Some(detail) = detail {
                        failure.set(name, detail)?;
                    }
                }
                let mut result = Object::new(&env)?;
                result.set("failure", failure)?;
                // SAFETY: as above.
                unsafe { Object::to_napi_value(raw, result) }
            }
        }
    }
}
