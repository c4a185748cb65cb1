//! Fault 13: settings that are given twice.

use super::*;
use crate::error::AuthenticatorBuildError;

type Set = fn(Tenants) -> Tenants;

#[test]
fn a_setting_that_is_given_twice_is_an_error() {
    let settings: [(&str, Set); 5] = [
        ("max_tenants", |tenants| tenants.max_tenants(1)),
        ("max_new_per_minute", |tenants| tenants.max_new_per_minute(1)),
        ("max_unconfirmed_per_minute", |tenants| tenants.max_unconfirmed_per_minute(1)),
        ("recheck_interval", |tenants| tenants.recheck_interval(SECOND)),
        ("remember", |tenants| tenants.remember(restart::Names::default())),
    ];
    let build = |tenants| builder().trust_tenants(tenants).build().err();
    for tenants in [Tenants::template("https://login.example/{tenant}"), Tenants::matching(|_| None)] {
        let all = settings.iter().fold(tenants.clone(), |tenants, (_, set)| set(tenants));
        assert_eq!(build(all.clone()), None);
        for (setting, set) in settings {
            assert_eq!(build(set(all.clone())), Some(AuthenticatorBuildError::SetTwice { setting }), "{setting}");
        }
    }
}

#[test]
fn the_largest_and_the_smallest_numbers_are_good() {
    for tenants in [
        Tenants::matching(|_| None).max_tenants(0).max_new_per_minute(0).max_unconfirmed_per_minute(0),
        Tenants::matching(|_| None).max_tenants(usize::MAX).max_new_per_minute(u32::MAX),
        Tenants::matching(|_| None).max_unconfirmed_per_minute(u32::MAX).recheck_interval(Duration::MAX),
    ] {
        assert!(builder().trust_tenants(tenants).build().is_ok());
    }
}
