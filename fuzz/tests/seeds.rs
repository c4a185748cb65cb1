//! The seeds, replayed without libFuzzer: what a file is called says what becomes of it.

#![expect(clippy::unwrap_used, reason = "all of this file is tests")]

use std::path::Path;

fn replay(target: &str, run: fn(&[u8]) -> bool) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
    let mut seen = (0, 0);
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let good = name.starts_with("good-");
        assert!(good || name.starts_with("bad-"), "{target}/{name}: a seed is called good-… or bad-…");
        println!("{target}/{name}");
        assert_eq!(run(&std::fs::read(&path).unwrap()), good, "{target}/{name}");
        if good { seen.0 += 1 } else { seen.1 += 1 }
    }
    assert!(seen.0 > 0 && seen.1 > 0, "{target}: there are good seeds and bad ones, {seen:?}");
}

macro_rules! replayed {
    ($($name:ident $target:ident;)*) => {$(
        #[test]
        fn $name() {
            replay(stringify!($target), jwt_fuzz::$target);
        }
    )*};
}

replayed! {
    tokens_are_accepted_or_refused_as_the_model_says compact_token;
    claims_are_read_as_serde_json_reads_them claims;
    a_request_says_what_the_model_hears cookie_header;
    keys_are_loaded_without_a_panic key_set;
    a_request_comes_from_where_the_rules_say cross_site;
    a_named_proxy_says_the_address_as_the_model_hears_it forwarded;
    a_certificate_in_a_field_is_the_one_that_the_model_reads client_certificate;
    a_token_that_says_nothing_opens_what_it_was_made_for opaque_token;
    nothing_but_a_key_that_is_known_is_accepted api_key;
    the_signature_of_a_service_is_read_as_the_model_reads_it remote_signature;
    a_browser_refreshes_only_with_what_it_was_asked_to_sign device_proof;
    a_proof_is_good_only_where_the_model_says_so dpop_proof;
    an_answer_about_a_token_is_taken_as_the_model_takes_it introspection_answer;
    a_logout_is_taken_only_where_the_model_allows_it event_token;
    addresses_are_equal_where_the_model_says_so htu;
    a_message_asks_for_what_the_model_reads json_rpc;
}
