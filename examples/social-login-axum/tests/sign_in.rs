//! What both examples are held against, in real browsers and with a certified provider.

#[test]
fn people_sign_in_with_a_provider_and_nobody_signs_them_in() {
    browser_tests::signs_in_with_a_provider(env!("CARGO_BIN_EXE_social-login-axum"));
}

#[test]
fn in_firefox_they_sign_in_and_out_too() {
    browser_tests::signs_in_with_a_provider_in_firefox(env!("CARGO_BIN_EXE_social-login-axum"));
}
