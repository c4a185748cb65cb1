//! See `jwt_fuzz::introspection_answer`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::introspection_answer(data);
});
