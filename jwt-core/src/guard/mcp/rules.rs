//! What a message needs: from its method and its name to a policy.

use std::collections::HashMap;

use super::message::{Message, Messages};
use crate::guard::Policy;

/// The policies as they were given.
#[derive(Debug, Default)]
pub(super) struct Rules {
    /// What every request needs.
    pub(super) every: Option<Policy>,
    pub(super) methods: HashMap<Box<str>, Policy>,
    pub(super) tools: HashMap<Box<str>, Policy>,
    pub(super) prompts: HashMap<Box<str>, Policy>,
    /// That of the tools that are not named.
    pub(super) other_tools: Option<Policy>,
}

impl Rules {
    /// With what each needs beside, so that one answer says all that a call needs.
    pub(super) fn joined(mut self) -> Self {
        let every = self.every.clone();
        for policy in self.methods.values_mut() {
            *policy = joined(every.as_ref(), Some(policy)).unwrap_or_else(|| policy.clone());
        }
        for (method, named) in [("tools/call", &mut self.tools), ("prompts/get", &mut self.prompts)] {
            let before = self.methods.get(method).or(every.as_ref());
            for policy in named.values_mut() {
                *policy = joined(before, Some(policy)).unwrap_or_else(|| policy.clone());
            }
        }
        let before = self.methods.get("tools/call").or(every.as_ref());
        self.other_tools = joined(before, self.other_tools.as_ref());
        self
    }

    /// What a request without a message needs.
    pub(super) fn of_stream(&self) -> Option<Policy> {
        self.every.clone()
    }

    /// What all messages need together. `None` where any good token will do.
    pub(super) fn of(&self, messages: &Messages<'_>) -> Option<Policy> {
        match messages {
            Messages::One(message) => self.of_message(message).cloned(),
            Messages::Batch(messages) => {
                messages.iter().fold(None, |needed, message| joined(needed.as_ref(), self.of_message(message)))
            }
        }
    }

    fn of_message(&self, message: &Message<'_>) -> Option<&Policy> {
        match (message.method(), message.name.as_deref()) {
            ("tools/call", Some(name)) => self.of_tool(name),
            (method @ "prompts/get", Some(name)) => self.prompts.get(name).or_else(|| self.of_method(method)),
            (method, _) => self.of_method(method),
        }
    }

    pub(super) fn of_tool(&self, name: &str) -> Option<&Policy> {
        self.tools.get(name).or(self.other_tools.as_ref())
    }

    fn of_method(&self, method: &str) -> Option<&Policy> {
        self.methods.get(method).or(self.every.as_ref())
    }
}

fn joined(one: Option<&Policy>, other: Option<&Policy>) -> Option<Policy> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.clone().and(other.clone())),
        (one, other) => one.or(other).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::mcp::message::read;

    fn rules() -> Rules {
        let scope = |name: &str| Policy::scope(name);
        let named = |name: &str, policy: Policy| HashMap::from([(Box::from(name), policy)]);
        Rules {
            every: Some(scope("use")),
            methods: named("resources/read", scope("files")),
            tools: named("delete", scope("admin")),
            prompts: named("greet", scope("greet")),
            other_tools: Some(scope("tools")),
        }
        .joined()
    }

    fn needed(rules: &Rules, body: &str) -> String {
        rules.of(&read(body.as_bytes(), 9).unwrap()).map_or_else(|| "-".to_owned(), |policy| format!("{policy:?}"))
    }

    fn call(method: &str, subject: &str) -> String {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{subject}}}}}"#)
    }

    #[test]
    fn each_call_needs_all_that_was_said_of_it_at_once() {
        let rules = rules();
        for (method, subject, scopes) in [
            ("tools/call", r#""name":"delete""#, r#"["use", "admin"]"#),
            ("tools/call", r#""name":"Delete""#, r#"["use", "tools"]"#),
            ("prompts/get", r#""name":"greet""#, r#"["use", "greet"]"#),
            ("prompts/get", r#""name":"delete""#, r#"["use"]"#),
            ("resources/read", r#""uri":"file:///a""#, r#"["use", "files"]"#),
            ("tools/list", "", r#"["use"]"#),
        ] {
            assert_eq!(needed(&rules, &call(method, subject)), format!("all_scopes({scopes})"), "{method} {subject}");
        }
        let batch =
            format!("[{},{}]", call("tools/call", r#""name":"delete""#), call("resources/read", r#""uri":"a""#));
        assert_eq!(needed(&rules, &batch), r#"all_scopes(["use", "admin", "files"])"#);
        assert_eq!(needed(&Rules::default().joined(), &call("tools/call", r#""name":"delete""#)), "-");
    }

    #[test]
    fn the_guard_of_all_calls_is_that_of_each_tool_too() {
        let mut rules = Rules { tools: HashMap::from([("a".into(), Policy::scope("a"))]), ..Rules::default() };
        rules.methods.insert("tools/call".into(), Policy::scope("call"));
        let rules = rules.joined();
        assert_eq!(needed(&rules, &call("tools/call", r#""name":"a""#)), r#"all_scopes(["call", "a"])"#);
        assert_eq!(needed(&rules, &call("tools/call", r#""name":"b""#)), r#"all_scopes(["call"])"#);
    }
}
