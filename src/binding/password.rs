//! Password hashing as `js/password.js` calls it, with passwords already checked there.

use napi::bindgen_prelude::*;
use napi_derive::napi;
use zeroize::Zeroizing;

use super::bridge::Bridge;
use super::outcome::Outcome;
use crate::password;

#[napi(ts_return_type = "Promise<any>")]
pub fn hash_password(env: &Env, password: String) -> Result<PromiseRaw<'_, Outcome<String>>> {
    Bridge::of(env)?.promise(env, password::hash(Zeroizing::new(password)))
}

#[napi(ts_return_type = "Promise<any>")]
pub fn verify_password(
    env: &Env,
    hash: String,
    password: String,
) -> Result<PromiseRaw<'_, Outcome<bool>>> {
    Bridge::of(env)?.promise(env, password::verify(&hash, Zeroizing::new(password)))
}
