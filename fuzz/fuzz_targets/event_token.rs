//! See `jwt_fuzz::event_token`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    jwt_fuzz::event_token(data);
});
