fn main() {
    napi_build::setup();
    println!("cargo::rerun-if-changed=src/engine/sqlite/locks/variadic.c");
    if std::env::var_os("CARGO_CFG_UNIX").is_some() {
        cc::Build::new()
            .file("src/engine/sqlite/locks/variadic.c")
            .compile("better_auth_native_locks");
    }
}
