//! See `jwt_fuzz::json_rpc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::json_rpc(data);
});
