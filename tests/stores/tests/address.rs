//! Which addresses there are, and what is said of those that are none.

use jwt_core::{ConfigError, RedisStore, StoreError};

/// Where nobody listens.
const NOBODY: &str = "127.0.0.1:1";

#[tokio::test]
async fn what_is_an_address_is_tried() {
    for url in [
        "redis://HOST",
        "redis://user:pass@HOST/3",
        "valkey://HOST",
        "redis+cluster://HOST",
        "redis+cluster://HOST,localhost:1,[::1]:1",
        "redis+cluster://user:pass@HOST,HOST/",
        "redis+cluster://:pass@HOST/0",
        "valkey+cluster://HOST",
        "redis+sentinel://HOST/mymaster",
        "redis+sentinel://HOST,localhost:1,[::1]:1/my-master.1_a/",
        "redis+sentinel://user:pass@HOST,HOST/mymaster/15",
        "redis+sentinel://:pass@HOST/mymaster?sentinel_password=other",
        "redis+sentinel://HOST/mymaster?sentinel_username=watcher&sentinel_password=a%26b%3Dc",
        "valkey+sentinel://HOST/mymaster",
    ] {
        let answer = RedisStore::connect(&url.replace("HOST", NOBODY)).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused_with_what_to_do() {
    use ConfigError::{StoreAddress, StoreDatabase, StorePrimary, StoreTls};
    for (url, mend) in [
        ("", StoreAddress),
        ("no url", StoreAddress),
        ("HOST", StoreAddress),
        ("http://HOST", StoreAddress),
        ("redis://", StoreAddress),
        ("redis://HOST,HOST", StoreAddress),
        ("redis://HOST/three", StoreAddress),
        // As other clients write it.
        ("redis-cluster://HOST", StoreAddress),
        ("redis-sentinel://HOST#mymaster", StoreAddress),
        ("sentinel://HOST/mymaster", StoreAddress),
        ("redis+sentinel://HOST#mymaster", StoreAddress),
        ("redis+cluster://HOST?addr=HOST", StoreAddress),
        ("redis+sentinel://HOST/mymaster?master_name=mymaster", StoreAddress),
        ("redis+replica://HOST", StoreAddress),
        ("http+cluster://HOST", StoreAddress),
        ("redis+cluster://", StoreAddress),
        ("redis+cluster://HOST,", StoreAddress),
        ("redis+cluster://,HOST", StoreAddress),
        ("redis+cluster://user:pass@", StoreAddress),
        ("redis+cluster://HOST,127.0.0.1:port", StoreAddress),
        ("redis+cluster://HOST,user:pass@HOST", StoreAddress),
        ("redis+cluster://user:pass@HOST,user:pass@HOST", StoreAddress),
        ("redis+cluster://user:p@ss@HOST", StoreAddress),
        ("redis+cluster://0.0.0.0:7000", StoreAddress),
        ("redis+sentinel:///mymaster", StoreAddress),
        ("redis+sentinel://HOST/mymaster?sentinel_password=a&sentinel_password=b", StoreAddress),
        ("redis+cluster://HOST/1", StoreDatabase),
        ("redis+cluster://HOST/mymaster", StoreDatabase),
        ("redis+sentinel://HOST/mymaster/main", StoreDatabase),
        ("redis+sentinel://HOST/mymaster/1/2", StoreDatabase),
        ("redis+sentinel://HOST/mymaster/-1", StoreDatabase),
        ("redis+sentinel://HOST", StorePrimary),
        ("redis+sentinel://HOST/", StorePrimary),
        ("redis+sentinel://HOST//0", StorePrimary),
        ("redis+sentinel://HOST/my%20master", StorePrimary),
        // Compiled without TLS here.
        ("rediss://HOST", StoreTls),
        ("valkeys://HOST", StoreTls),
        ("rediss+cluster://HOST", StoreTls),
        ("rediss+sentinel://HOST/mymaster", StoreTls),
    ] {
        let answer = RedisStore::connect(&url.replace("HOST", NOBODY)).await;
        assert!(matches!(&answer, Err(StoreError::Config(error)) if *error == mend), "{url}: {answer:?}");
    }
}

#[tokio::test]
async fn passwords_are_in_no_error() {
    for url in [
        "redis://user:geheim@HOST",
        "redis+cluster://user:geheim@HOST",
        "redis+cluster://user:geheim@HOST/geheim",
        "redis+sentinel://user:geheim@HOST/mymaster?sentinel_username=watcher&sentinel_password=geheim",
        "redis+sentinel://user:geheim@HOST/?sentinel_password=geheim",
        "rediss+cluster://user:geheim@HOST",
        "geheim",
    ] {
        let error = RedisStore::connect(&url.replace("HOST", NOBODY)).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
    }
}
