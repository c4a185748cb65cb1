//! Which addresses there are, and what is said of those that are none.

use jwt_core::RedisStore;
use jwt_core::store::StoreError;
use jwt_core::store::StoreUrlError;

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
    use StoreUrlError::NotAUrl;
    let scheme = |scheme: &str| StoreUrlError::Scheme { scheme: scheme.into() };
    let server = |scheme: &str| StoreUrlError::Server { scheme: scheme.into() };
    let hosts = |scheme: &str| StoreUrlError::Hosts { scheme: scheme.into() };
    let fragment = |scheme: &str| StoreUrlError::Fragment { scheme: scheme.into() };
    let query = |scheme: &str| StoreUrlError::Query { scheme: scheme.into() };
    let primary = |name: &str| StoreUrlError::Primary { name: Some(name.into()) };
    let database = |text: &str| StoreUrlError::Database { database: Some(text.into()) };
    for (url, expected) in [
        ("", NotAUrl),
        ("no url", NotAUrl),
        ("HOST", NotAUrl),
        ("no scheme://HOST", NotAUrl),
        ("http://HOST", scheme("http")),
        ("redis://", server("redis")),
        ("redis://HOST,HOST", server("redis")),
        ("redis://HOST/three", server("redis")),
        // As other clients write it.
        ("redis-cluster://HOST", scheme("redis-cluster")),
        ("redis-sentinel://HOST#mymaster", scheme("redis-sentinel")),
        ("sentinel://HOST/mymaster", scheme("sentinel")),
        ("redis+sentinel://HOST#mymaster", fragment("redis+sentinel")),
        ("redis+cluster://HOST?addr=HOST", query("redis+cluster")),
        ("redis+sentinel://HOST/mymaster?master_name=mymaster", query("redis+sentinel")),
        ("redis+replica://HOST", scheme("redis+replica")),
        ("http+cluster://HOST", scheme("http+cluster")),
        ("redis+cluster://", hosts("redis+cluster")),
        ("redis+cluster://HOST,", hosts("redis+cluster")),
        ("redis+cluster://,HOST", hosts("redis+cluster")),
        ("redis+cluster://user:pass@", hosts("redis+cluster")),
        ("redis+cluster://HOST,127.0.0.1:port", hosts("redis+cluster")),
        ("redis+cluster://HOST,user:pass@HOST", hosts("redis+cluster")),
        ("redis+cluster://user:pass@HOST,user:pass@HOST", hosts("redis+cluster")),
        ("redis+cluster://user:p@ss@HOST", hosts("redis+cluster")),
        ("redis+cluster://0.0.0.0:7000", hosts("redis+cluster")),
        ("redis+sentinel:///mymaster", hosts("redis+sentinel")),
        ("redis+sentinel://HOST/mymaster?sentinel_password=a&sentinel_password=b", query("redis+sentinel")),
        ("redis+cluster://HOST/1", StoreUrlError::ClusterDatabase { database: 1 }),
        ("redis+cluster://HOST/mymaster", database("mymaster")),
        ("redis+cluster://user:pass@HOST/mymaster", StoreUrlError::Database { database: None }),
        ("redis+cluster://user:pa/ss@HOST", StoreUrlError::Database { database: None }),
        ("redis+sentinel://HOST/mymaster/main", database("main")),
        ("redis+sentinel://HOST/mymaster/1/2", database("1/2")),
        ("redis+sentinel://HOST/mymaster/-1", database("-1")),
        ("redis+sentinel://HOST", primary("")),
        ("redis+sentinel://HOST/", primary("")),
        ("redis+sentinel://HOST//0", primary("")),
        ("redis+sentinel://HOST/my%20master", primary("my%20master")),
    ] {
        let answer = RedisStore::connect(&url.replace("HOST", NOBODY)).await;
        assert!(matches!(&answer, Err(StoreError::Config(error)) if *error == expected), "{url}: {answer:?}");
    }
}

/// Every kind of address with TLS.
const OVER_TLS: [&str; 6] = [
    "rediss://HOST",
    "valkeys://HOST",
    "rediss+cluster://HOST",
    "valkeys+cluster://HOST",
    "rediss+sentinel://HOST/mymaster",
    "valkeys+sentinel://HOST/mymaster",
];

#[cfg(not(feature = "redis-tls"))]
#[tokio::test]
async fn an_address_with_tls_names_the_feature_that_it_needs() {
    for url in OVER_TLS {
        let answer = RedisStore::connect(&url.replace("HOST", NOBODY)).await;
        let scheme = url.split_once(':').unwrap().0.into();
        let expected = StoreUrlError::Tls { scheme };
        assert!(expected.to_string().contains("`redis-tls`"), "{expected}");
        assert!(matches!(&answer, Err(StoreError::Config(error)) if *error == expected), "{url}: {answer:?}");
    }
}

#[cfg(feature = "redis-tls")]
#[tokio::test]
async fn an_address_with_tls_is_tried_and_never_without_a_look_at_the_certificate() {
    for url in OVER_TLS {
        let url = url.replace("HOST", NOBODY);
        let answer = RedisStore::connect(&url).await;
        assert!(matches!(answer, Err(StoreError::Unavailable(_))), "{url}: {answer:?}");
        let answer = RedisStore::connect(&format!("{url}/#insecure")).await;
        assert!(matches!(&answer, Err(StoreError::Config(error)) if error.to_string().contains('#')), "{answer:?}");
    }
    let answer = RedisStore::connect(&format!("rediss://{NOBODY}/#insecure")).await;
    let expected = StoreUrlError::Insecure { scheme: "rediss".into() };
    assert!(matches!(&answer, Err(StoreError::Config(error)) if *error == expected), "{answer:?}");
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
        // Not percent-encoded, so that part of the password is read as something else.
        "redis+cluster://user:a/geheim@HOST",
        "redis+sentinel://user:a/geheim@HOST/mymaster",
        "redis+sentinel://user:a/b/geheim@HOST/mymaster",
        "redis+sentinel://user:a?geheim@HOST/mymaster",
        "redis+cluster://user:a#geheim@HOST",
        "user:geheim/://HOST",
        "geheim",
    ] {
        let error = RedisStore::connect(&url.replace("HOST", NOBODY)).await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
    }
}
