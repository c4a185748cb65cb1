//! Where the token is.

use super::{Credential, Head, Reference, Why};

impl Reference {
    pub(super) fn credential(&self, head: &Head) -> Result<Credential, Why> {
        let mut found = Vec::new();
        let mut is_dpop = false;
        let mut has_other = false;
        let is_only = self.places.cookie.as_ref().is_some_and(|cookie| cookie.only);
        if !is_only {
            let mut values: Vec<&[u8]> = head
                .fields
                .iter()
                .filter(|(name, _)| {
                    if self.wrong("field-name-to-the-letter") {
                        name == "Authorization"
                    } else {
                        name.eq_ignore_ascii_case("authorization")
                            || self.wrong("other-fields") && name.to_ascii_lowercase().ends_with("authorization")
                    }
                })
                .map(|(_, value)| &**value)
                .collect();
            if self.wrong("first-field-wins") {
                values.truncate(1);
            }
            if self.wrong("last-field-wins") && values.len() > 1 {
                values.remove(0);
            }
            for value in values {
                // A token under DPoP has the form of one under Bearer. RFC 9449 §7.1.
                let proved = self.places.dpop.as_ref().and_then(|_| self.after_dpop(value));
                is_dpop |= proved.is_some();
                match self.bearer(proved.as_deref().unwrap_or(value))? {
                    Some(token) => found.push(token),
                    None => has_other = true,
                }
            }
            if self.wrong("token-in-address") && found.is_empty() {
                found.extend(
                    head.query.split('&').filter_map(|pair| pair.strip_prefix("access_token=")).map(str::to_owned),
                );
            }
        }
        if let Some(cookie) = &self.places.cookie {
            let mut ours = self.cookies(head, &cookie.name);
            if self.wrong("first-cookie-wins") {
                ours.truncate(1);
            }
            if self.wrong("last-cookie-wins") && ours.len() > 1 {
                ours.remove(0);
            }
            if self.wrong("header-before-cookie") && !found.is_empty() {
                ours.clear();
            }
            if !ours.is_empty() {
                self.same_site(head)?;
            }
            found.extend(ours);
        }
        match &*found {
            [] => Err(Why::None),
            [token] if !has_other => Ok(Credential { token: token.clone(), is_dpop }),
            _ => Err(Why::Request),
        }
    }

    /// `Bearer TOKEN` for `DPoP TOKEN`.
    fn after_dpop(&self, value: &[u8]) -> Option<Vec<u8>> {
        let (scheme, token) = value.split_at_checked(5)?;
        let is_it = scheme == b"DPoP " || scheme.eq_ignore_ascii_case(b"dpop ") && !self.wrong("scheme-to-the-letter");
        (is_it && !self.wrong("dpop-unknown")).then(|| [b"Bearer ", token].concat())
    }

    /// The token of `Bearer TOKEN`. RFC 6750 §2.1. Nothing for another scheme.
    pub(super) fn bearer(&self, value: &[u8]) -> Result<Option<String>, Why> {
        let mut value = value.to_vec();
        if self.wrong("odd-bytes-dropped") {
            value.retain(u8::is_ascii);
        }
        let text = String::from_utf8_lossy(&value).into_owned();
        if self.wrong("token-without-scheme") && text.starts_with("eyJ") {
            return Ok(Some(text));
        }
        if self.wrong("no-separator-needed") && text.starts_with("Bearer") {
            return Ok(Some(text["Bearer".len()..].trim_start().to_owned()));
        }
        let is_separator = |one: char| one == ' ' || self.wrong("tab-separates") && one == '\t';
        let (scheme, token) = text.split_once(is_separator).unwrap_or((&text, ""));
        let is_bearer = if self.wrong("scheme-to-the-letter") {
            scheme == "Bearer"
        } else {
            scheme.eq_ignore_ascii_case("bearer") || self.wrong("any-scheme")
        };
        if !is_bearer {
            return Ok(None);
        }
        let mut token =
            if self.wrong("one-space") { token.to_owned() } else { token.trim_start_matches(' ').to_owned() };
        if self.wrong("quotes-dropped") {
            token = token.trim_matches('"').to_owned();
        }
        if self.wrong("parameter") {
            token = token.trim_start_matches("token=").to_owned();
        }
        if self.wrong("first-word") {
            token = token.split([' ', ',']).next().unwrap_or_default().to_owned();
        }
        if token.is_empty() && self.wrong("no-token-is-free") {
            return Err(Why::Free);
        }
        let is_letter = |one: char| one.is_ascii_alphanumeric() || "-._~+/".contains(one);
        let is_lenient = self.wrong("json-form") || self.wrong("junk-skipped");
        let body = token.trim_end_matches('=');
        if body.is_empty() || !body.chars().all(is_letter) && !is_lenient {
            return Err(Why::Request);
        }
        Ok(Some(token))
    }

    /// The values of the cookies of that name. RFC 6265 §4.2.1.
    pub(super) fn cookies(&self, head: &Head, name: &str) -> Vec<String> {
        let mut values = Vec::new();
        for field in head.all("cookie") {
            let text = String::from_utf8_lossy(field).into_owned();
            for pair in text.split(';') {
                let Some((known, value)) = pair.trim().split_once('=') else {
                    continue;
                };
                let decoded = |text: &str| text.replace(&format!("%{:02x}", name.as_bytes()[0]), &name[..1]);
                let is_it = known == name
                    || self.wrong("cookie-any-case") && known.eq_ignore_ascii_case(name)
                    || self.wrong("cookie-name-inside") && known.contains(name)
                    || self.wrong("cookie-name-decoded") && decoded(known) == name;
                if is_it {
                    values.push(value.trim_matches('"').to_owned());
                }
            }
            if self.wrong("first-cookie-field") {
                break;
            }
        }
        values
    }

    /// A request that changes something comes from our own pages. Fetch Metadata first, then `Origin`.
    pub(super) fn same_site(&self, head: &Head) -> Result<(), Why> {
        if ["GET", "HEAD", "OPTIONS"].contains(&&*head.method) || self.wrong("cross-site-unchecked") {
            return Ok(());
        }
        let origin = head.one("origin");
        let ours = format!("http://{}", head.one("host").unwrap_or_default());
        let is_ours = origin.as_deref().is_none_or(|origin| {
            origin == ours
                || self.wrong("origin-loose") && origin.starts_with(&ours)
                || self.wrong("null-origin") && origin == "null"
        });
        let good = match head.one("sec-fetch-site").as_deref() {
            Some("same-origin" | "none") => true,
            Some("same-site") => self.wrong("same-site-trusted"),
            Some(_) => false,
            None => is_ours,
        };
        if good && !self.wrong("own-pages-refused") { Ok(()) } else { Err(Why::CrossSite) }
    }
}
