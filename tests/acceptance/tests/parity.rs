//! Whatever comes in, every stack gives the same answer.

use std::sync::Mutex;

use acceptance::{Connection, STACKS, builder, good_claims, hs256, request};
use jwt_core::TokenSource;
use proptest::prelude::*;

fn token() -> impl Strategy<Value = String> {
    let good = hs256(&good_claims());
    let (bits, length) = (good.clone(), good.len());
    prop_oneof![
        4 => Just(good.clone()),
        1 => Just(format!("{good}.")),
        1 => Just(format!("\"{good}\"")),
        2 => (0..length, "[A-Za-z0-9_.=-]").prop_map(move |(at, with)| {
            let mut token = bits.clone();
            token.replace_range(at..=at, &with);
            token
        }),
        1 => "[!-~]{0,24}",
        1 => "[ -~]{0,12}",
        1 => Just(String::new()),
    ]
}

fn field() -> impl Strategy<Value = (String, String)> {
    let scheme = prop_oneof!["Bearer ", "bearer  ", "BEARER ", "Bearer\t", "Basic ", "Bearer", "[A-Za-z]{1,8} "];
    let cookie = prop_oneof!["t=", "t=", "T=", "xt=", "tx=", " t=", "t =", "%74=", "[a-z]{1,3}="];
    let other =
        prop_oneof![Just(String::new()), Just("a=b; ".to_owned()), Just("; ".to_owned()), Just("a=\"x; ".to_owned())];
    prop_oneof![
        (prop_oneof!["Authorization", "authorization", "AUTHORIZATION"], scheme, token())
            .prop_map(|(name, scheme, token)| (name, format!("{scheme}{token}"))),
        (prop_oneof!["Cookie", "cookie"], other, cookie, token())
            .prop_map(|(name, other, cookie, token)| (name, format!("{other}{cookie}{token}"))),
        (Just("X-Token".to_owned()), token()),
        (Just("Accept".to_owned()), Just("*/*".to_owned())),
    ]
}

fn target() -> impl Strategy<Value = String> {
    let token = hs256(&good_claims());
    let path = prop_oneof![Just("/me"), Just("/maybe"), Just("/token")];
    let query = prop_oneof![
        6 => Just(String::new()),
        1 => Just(format!("?t={token}")),
        1 => Just(format!("?t={token}&t={token}")),
        1 => Just(format!("?T={token}&x")),
        1 => "\\?[a-z=&%0-9]{0,12}",
    ];
    (path, query).prop_map(|(path, query)| format!("{path}{query}"))
}

#[test]
fn generated_requests_get_the_same_answer_from_every_stack() {
    let build = || {
        builder()
            .source(TokenSource::bearer())
            .source(TokenSource::cookie("t"))
            .source(TokenSource::header("x-token"))
            .source(TokenSource::query("t"))
            .realm("parity")
    };
    let servers = STACKS.map(|stack| (stack.name, stack.start(build().build().unwrap()).address));
    let connections = Mutex::new(servers.map(|(name, address)| (name, Connection::open(address))));
    let seen = Mutex::new([0_usize; 600]);
    let cases = ProptestConfig::with_cases(4000);
    proptest!(cases, |(target in target(), fields in prop::collection::vec(field(), 0..3))| {
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let head = request(&target, &fields);
        let mut connections = connections.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let replies = connections.each_mut().map(|(name, connection)| {
            let reply = connection.send(&head);
            (*name, reply.status, reply.challenge().map(str::to_owned), reply.body)
        });
        seen.lock().unwrap()[usize::from(replies[0].1)] += 1;
        for other in &replies[1..] {
            prop_assert_eq!(
                (other.1, &other.2, &other.3), (replies[0].1, &replies[0].2, &replies[0].3),
                "{} differs from {}", other.0, replies[0].0
            );
        }
    });
    // The generator is of use only while it reaches every kind of answer.
    let seen = seen.into_inner().unwrap();
    assert!(seen[200] > 100 && seen[400] > 100 && seen[401] > 100, "{} {} {}", seen[200], seen[400], seen[401]);
    assert_eq!(seen[500..].iter().sum::<usize>(), 0);
}
