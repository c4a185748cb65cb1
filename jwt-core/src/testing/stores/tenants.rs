//! Names of tenants.

#![expect(clippy::unwrap_used, reason = "whatever is wrong in a case makes it fail")]

use std::sync::Arc;

use super::case::{Case, cases};
use crate::clock::NumericDate;
use crate::store::TenantStore;

type Store = Arc<dyn TenantStore>;

pub(super) fn all() -> Vec<Case<Store>> {
    cases![the_names_of_tenants_that_were_added_last_stay,]
}

async fn the_names_of_tenants_that_were_added_last_stay(tenants: Store) {
    assert_eq!(tenants.tenants().await.unwrap(), [""; 0]);
    let odd = "https://a.example/\u{1f600} \"\\\r\n{}";
    for (second, name) in (1..).zip(["a", "b", "c", "a", odd]) {
        for _ in 0..2 {
            tenants.add_tenant(name.into(), 3, NumericDate::from_secs(second)).await.unwrap();
        }
    }
    assert_eq!(tenants.tenants().await.unwrap(), ["c", "a", odd]);
    for name in ["a", "nobody"] {
        tenants.remove_tenant(name.into()).await.unwrap();
    }
    assert_eq!(tenants.tenants().await.unwrap(), ["c", odd]);
    tenants.add_tenant("d".into(), usize::MAX, NumericDate::from_secs(9)).await.unwrap();
    tenants.add_tenant("e".into(), 0, NumericDate::from_secs(10)).await.unwrap();
    assert_eq!(tenants.tenants().await.unwrap(), ["e"]);
}
