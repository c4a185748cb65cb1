//! What the claims allow, and the document about the resource.

use super::json::Json;
use super::{Head, Reference, Response, Why};
use crate::target::StepUp;

impl Reference {
    pub(super) fn has_scope(&self, claims: &Json, scope: &str) -> Result<(), Why> {
        let has = match claims.get("scope") {
            Some(Json::String(text)) => text.split(' ').any(|one| {
                one == scope
                    || self.wrong("scope-loose") && one.contains(scope)
                    || self.wrong("scope-separators") && one.split([',', '\t']).any(|one| one == scope)
            }),
            Some(Json::Array(all)) => all.contains(&Json::String(scope.to_owned())),
            Some(Json::Bool(true) | Json::Object(_)) => self.wrong("scope-any-type"),
            _ => false,
        };
        if (has || self.wrong("scope-unchecked")) && !self.wrong("scope-refused") { Ok(()) } else { Err(Why::Scope) }
    }

    pub(super) fn is_strong(&self, claims: &Json, step_up: &StepUp) -> Result<(), Why> {
        let acr = step_up.acr.as_ref().is_none_or(|acr| match claims.get("acr") {
            Some(Json::String(has)) => has == acr || self.wrong("acr-unchecked"),
            Some(_) => self.wrong("acr-any-type"),
            None => self.wrong("acr-optional"),
        });
        let fresh = step_up.max_age.is_none_or(|age| match claims.get("auth_time") {
            Some(Json::Number(text)) => {
                let at: i64 = text.parse().unwrap_or(0);
                self.now() <= at + age + self.expected.leeway || self.wrong("auth-time-unchecked")
            }
            Some(_) => self.wrong("auth-time-any-type"),
            None => self.wrong("auth-time-optional"),
        });
        if !(acr && fresh) {
            return Err(if self.wrong("step-up-is-invalid-token") { Why::Invalid } else { Why::StepUp });
        }
        if self.wrong("step-up-refused") { Err(Why::StepUp) } else { Ok(()) }
    }

    pub(super) fn metadata(&self, head: &Head) -> Option<Response> {
        let resource = self.places.metadata.as_ref()?;
        if !well_known(resource).ends_with(&head.path) || !head.path.starts_with("/.well-known/") {
            return None;
        }
        if self.wrong("metadata-protected") {
            return Some(self.refusal(&Why::None, false));
        }
        let mut members = vec![];
        let named = if self.wrong("metadata-of-another") { "https://other.example" } else { resource };
        members.push(format!("\"resource\":\"{named}\""));
        if !self.wrong("metadata-without-issuer") {
            members.push(format!("\"authorization_servers\":[\"{}\"]", self.expected.issuer));
        }
        if self.wrong("metadata-empty-member") {
            members.push("\"scopes_supported\":[]".to_owned());
        }
        Some(Response {
            status: 200,
            fields: vec![("Content-Type", "application/json".to_owned())],
            body: format!("{{{}}}", members.join(",")),
        })
    }
}

/// Where the document about a resource is. RFC 9728 §3.1.
pub(super) fn well_known(resource: &str) -> String {
    let (scheme, rest) = resource.split_once("://").unwrap_or(("http", resource));
    let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    format!("{scheme}://{host}/.well-known/oauth-protected-resource{}", path.trim_end_matches('/'))
}
