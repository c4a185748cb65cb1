//! Names of tenants by a template.

use super::TrustedIssuer;
use crate::error::AuthenticatorBuildError;
use crate::key::{OnDemand, Source};
use crate::transport::address::without_secrets;

/// What stands for the name of a tenant.
const TENANT: &str = "{tenant}";

/// An address with a gap. Whatever a tenant is called, it has no say in the host.
#[derive(Debug, Clone)]
pub(super) struct Template {
    text: Box<str>,
    parts: Option<(Box<str>, Box<str>)>,
}

impl Template {
    pub(super) fn new(text: String) -> Self {
        let parts = text.split_once(TENANT).filter(|(before, after)| is_sound(before, after));
        let parts = parts.map(|(before, after)| (before.into(), after.into()));
        Self { text: text.into(), parts }
    }

    pub(super) fn check(&self) -> Result<(), AuthenticatorBuildError> {
        let error = || AuthenticatorBuildError::Template { template: without_secrets(&self.text) };
        self.parts.as_ref().map(|_| ()).ok_or_else(error)
    }

    /// The issuer of that name, if the template covers it.
    pub(super) fn covers(&self, issuer: &str) -> Option<TrustedIssuer> {
        let (before, after) = self.parts.as_ref()?;
        let tenant = issuer.strip_prefix(&**before)?.strip_suffix(&**after)?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let is_name = !tenant.is_empty() && tenant.bytes().all(plain) && tenant.bytes().any(|byte| byte != b'.');
        is_name.then(|| TrustedIssuer::discover(issuer))
    }
}

/// Whether the gap is behind the host, and the keys of a tenant can be fetched.
fn is_sound(before: &str, after: &str) -> bool {
    let host_is_fixed = before.split_once("://").is_some_and(|(_, rest)| rest.contains('/'));
    host_is_fixed && !after.contains(TENANT) && can_be_fetched(&format!("{before}a{after}"))
}

/// The one rule for that is the one of the keys.
fn can_be_fetched(issuer: &str) -> bool {
    let how = OnDemand { longest_pause: std::time::Duration::ZERO, turns: None, places: None };
    match TrustedIssuer::discover(issuer).keys.0 {
        Source::Fetched(feed) => feed.on_demand(how).start().is_ok(),
        Source::Live(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_covers_names_and_nothing_that_only_looks_like_one() {
        let template = Template::new("https://login.example.com/{tenant}/v2.0".to_owned());
        for tenant in ["acme", "a-b_c.d", "72f988bf-86f1-41af-91ab-2d7cd011db47"] {
            assert!(template.covers(&format!("https://login.example.com/{tenant}/v2.0")).is_some(), "{tenant}");
        }
        for issuer in [
            "https://login.example.com//v2.0",
            "https://login.example.com/a/b/v2.0",
            "https://login.example.com/../v2.0",
            "https://login.example.com/./v2.0",
            "https://login.example.com/a?x/v2.0",
            "https://login.example.com/a#/v2.0",
            "https://login.example.com/a%2fb/v2.0",
            "https://login.example.com/a@b/v2.0",
            "https://login.example.com/a\\b/v2.0",
            "https://login.example.com/acme/v2.0/",
            "https://login.example.com.evil.example/acme/v2.0",
            "https://login.example.com@evil.example/acme/v2.0",
            "HTTPS://login.example.com/acme/v2.0",
            "http://login.example.com/acme/v2.0",
            "https://login.example.com/v2.0",
            "https://login.example.com/{tenant}/v2.0",
        ] {
            assert!(template.covers(issuer).is_none(), "{issuer}");
        }
    }

    #[test]
    fn a_template_that_would_let_a_tenant_choose_the_host_is_refused() {
        let check = |template: &str| Template::new(template.to_owned()).check().err();
        for template in [
            "https://login.example.com/{tenant}",
            "https://login.example.com/x/{tenant}@b",
            "https://login.example.com:8443/{tenant}/",
            "HTTPS://LOGIN.EXAMPLE.COM/{tenant}",
            "https://[2001:db8::1]/{tenant}",
            "http://127.0.0.1:8080/{tenant}",
            "http://127.9.9.9/{tenant}",
            "http://[::1]/{tenant}",
            "http://LocalHost:1/{tenant}",
        ] {
            assert_eq!(check(template), None, "{template}");
        }
        for template in [
            "",
            "{tenant}",
            "/{tenant}",
            "login.example.com/{tenant}",
            "https://{tenant}.example.com/",
            "https://{tenant}/",
            "https://a.example.{tenant}/",
            "https://a.example{tenant}/",
            "https://a.example:{tenant}/",
            "https://a.example:{tenant}",
            "https://a.example?/{tenant}",
            "https://a.example?x={tenant}/",
            "https://a.example/?x={tenant}",
            "https://a.example/{tenant}?x",
            "https://a.example#/{tenant}",
            "https://a.example/#{tenant}",
            "https://a.example/{tenant}#x",
            "https://a.example/",
            "https://a.example/{Tenant}",
            "https://a.example/{tenant}/{tenant}",
            "https:///{tenant}",
            "https:/{tenant}",
            "https://a.example\\/{tenant}",
            "https://a.example /{tenant}",
            "https://a.example\n/{tenant}",
            "ftp://a.example/{tenant}",
            "ws://127.0.0.1/{tenant}",
            "http://127.0.0.1.evil.example/{tenant}",
            "http://127.0.0.1.evil.example:80/{tenant}",
            "http://localhost.evil.example/{tenant}",
            "http://localhost./{tenant}",
            "http://[::1].evil.example/{tenant}",
            "http://[::ffff:10.0.0.1]/{tenant}",
            "http://127.1/{tenant}",
            "http://2130706433/{tenant}",
            "http://0x7f000001/{tenant}",
            "http://0.0.0.0/{tenant}",
            "http://10.0.0.1/{tenant}",
            "http://login.example.com/{tenant}",
            "HTTP://LOGIN.EXAMPLE.COM/{tenant}",
        ] {
            let expected = AuthenticatorBuildError::Template { template: without_secrets(template) };
            assert_eq!(check(template), Some(expected), "{template}");
        }
    }

    #[test]
    fn a_template_with_a_user_is_refused_without_showing_the_password() {
        for template in [
            "https://user:hunter2@a.example/{tenant}",
            "https://hunter2@a.example/{tenant}",
            "https://a.example@evil.example/{tenant}",
            "http://127.0.0.1:80@evil.example/{tenant}",
            "http://127.0.0.1@evil.example/{tenant}",
            "http://[::1]@evil.example/{tenant}",
            "https://a.example:{tenant}@evil.example/",
        ] {
            let error = Template::new(template.to_owned()).check().unwrap_err().to_string();
            assert!(error.contains("…@") && !error.contains("hunter2"), "{error}");
        }
    }
}
