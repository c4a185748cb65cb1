//! The scoreboard: several runs as one table. What looks like a weakness of somebody else's server is withheld.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use serde_json::{Value, json};

/// Cases about secrets, in which a wrong answer is a weakness.
const WEAK: [&str; 2] = ["introspection.address", "introspection.who-asks"];

/// The runs without what looks like a weakness, but for those of our own: a case in which a server accepted what has to be
/// refused, or broke, or lacks a defence, says no more than that it is withheld.
pub(crate) fn withhold(runs: &mut [Value], own: &[String]) {
    for run in runs {
        let is_own = own.iter().any(|name| run["name"] == name.as_str());
        for case in run["cases"].as_array_mut().into_iter().flatten() {
            let is_weak = case["kind"] == "accepted"
                || case["verdict"] == "failed" && case["id"].as_str().is_some_and(|id| WEAK.contains(&id))
                || case["kind"] == "broke"
                || case["verdict"] == "failed" && case["level"] == "defence in depth";
            if !is_own && is_weak && case["counted"] == true {
                case["verdict"] = json!("withheld");
                case["kind"] = Value::Null;
                case["why"] = Value::Null;
                case["exchanges"] = json!([]);
            }
            // A page of many servers has no room for the bytes; `explain` has them.
            case["exchanges"] = json!([]);
        }
    }
}

/// In a group with something withheld, what passed is withheld too: otherwise the gaps would say what it is. How many passed
/// stays known.
pub(crate) fn blur(runs: &mut [Value]) {
    for run in runs {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        let mut worst: BTreeMap<String, (String, String)> = BTreeMap::new();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        for case in run["cases"].as_array().into_iter().flatten() {
            let kind = match text(&case["verdict"]).as_str() {
                verdict if case["counted"] == false && verdict != "skipped" => "note".to_owned(),
                "failed" => text(&case["kind"]).replace(' ', ""),
                other => other.to_owned(),
            };
            let id = text(&case["id"]);
            let is_worse = |known: &str| known == "skipped" || known == "passed" && kind != "skipped";
            if worst.get(&id).is_none_or(|(known, _)| is_worse(known)) {
                worst.insert(id, (kind, text(&case["group"])));
            }
        }
        for (kind, _) in worst.values() {
            *counts.entry(kind.clone()).or_default() += 1;
        }
        run["counts"] = json!(counts);
        for case in run["cases"].as_array_mut().into_iter().flatten() {
            let group = text(&case["group"]);
            let is_dark = worst.values().any(|(kind, of)| kind == "withheld" && *of == group);
            if is_dark && case["verdict"] == "passed" {
                case["verdict"] = json!("withheld");
            }
        }
    }
}

#[derive(Default)]
struct Sum {
    passed: usize,
    all: usize,
}

impl Sum {
    fn text(&self) -> String {
        if self.all == 0 { "–".to_owned() } else { format!("{} of {}", self.passed, self.all) }
    }
}

/// What not every server has.
const MORE: [(&str, &str); 11] = [
    ("rfc9068", "RFC 9068"),
    ("cookie", "cookies"),
    ("scope", "scopes"),
    ("metadata", "metadata"),
    ("step_up", "step-up"),
    ("dpop", "DPoP"),
    ("introspection", "introspection"),
    ("forward_auth", "forward-auth"),
    ("mcp", "MCP"),
    ("grpc", "gRPC"),
    ("mtls", "certificates"),
];

fn besides(groups: &BTreeSet<&str>) -> String {
    let named: Vec<&str> = MORE.iter().filter(|(group, _)| groups.contains(group)).map(|(_, name)| *name).collect();
    match named.len() {
        0 => "–".to_owned(),
        all if all == MORE.len() => "everything".to_owned(),
        _ => named.join(", "),
    }
}

/// The table, and below it what each server fails and is not withheld.
pub(crate) fn markdown(runs: &[Value]) -> String {
    let mut text = String::from(
        "| server | version | MUST | SHOULD | defence in depth | withheld | asked about, besides JWTs |\n|---|---|---|---|---|---|---|\n",
    );
    let mut details = String::new();
    for run in runs {
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        let mut withheld = 0;
        let mut groups = BTreeSet::new();
        let mut failed = Vec::new();
        // A case that ran in two settings counts once, as the worse of them.
        let mut cases: BTreeMap<&str, &Value> = BTreeMap::new();
        for case in run["cases"].as_array().into_iter().flatten() {
            let id = case["id"].as_str().unwrap_or_default();
            let is_worse = |known: &Value| {
                known["verdict"] == "skipped" || known["verdict"] == "passed" && case["verdict"] != "skipped"
            };
            if cases.get(id).is_none_or(|known| is_worse(known)) {
                cases.insert(id, case);
            }
        }
        for case in cases.into_values() {
            if case["counted"] == false || case["verdict"] == "skipped" {
                continue;
            }
            groups.insert(case["group"].as_str().unwrap_or_default());
            let sum = sums.entry(case["level"].as_str().unwrap_or_default()).or_default();
            sum.all += 1;
            match case["verdict"].as_str() {
                Some("passed") => sum.passed += 1,
                Some("withheld") => withheld += 1,
                _ => failed.push(case),
            }
        }
        let sum = |level| sums.get(level).map_or("–".to_owned(), Sum::text);
        let name = run["name"].as_str().unwrap_or_default();
        _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} |",
            run["versions"].as_str().unwrap_or("this one"),
            sum("MUST"),
            sum("SHOULD"),
            sum("defence in depth"),
            if withheld == 0 { "none".to_owned() } else { withheld.to_string() },
            besides(&groups)
        );
        if !failed.is_empty() {
            let ids: Vec<String> =
                failed.iter().map(|case| format!("`{}`", case["id"].as_str().unwrap_or(""))).collect();
            _ = writeln!(details, "- **{name}**: {}", ids.join(", "));
        }
    }
    format!("{text}\n## What is not withheld\n\n{details}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weakness_of_others_is_withheld_and_nothing_of_it_is_left() {
        let case = |kind: &str| json!({"id": format!("a.{kind}"), "group": "dpop", "level": "MUST", "counted": true, "verdict": "failed", "kind": kind, "why": "200 came", "exchanges": [{"sent": "x"}]});
        let leak =
            json!({"id": WEAK[0], "level": "MUST", "counted": true, "verdict": "failed", "kind": "wrong answer"});
        let mut leaks = vec![json!({"name": "other", "cases": [leak]})];
        withhold(&mut leaks, &[]);
        assert_eq!(leaks[0]["cases"][0]["verdict"], "withheld");
        let mut runs = vec![
            json!({"name": "other", "cases": [case("accepted"), case("broke"), case("refused")]}),
            json!({"name": "own", "cases": [case("accepted")]}),
        ];
        withhold(&mut runs, &["own".to_owned()]);
        assert_eq!(runs[0]["cases"][0]["verdict"], "withheld");
        assert_eq!(runs[0]["cases"][1]["verdict"], "withheld");
        assert_eq!(runs[0]["cases"][2]["verdict"], "failed");
        assert_eq!(runs[1]["cases"][0]["verdict"], "failed");
        let text = json!(runs[0]).to_string();
        assert_eq!(text.matches("200 came").count(), 1, "{text}");
        let table = markdown(&runs);
        let twice = |verdicts: [&str; 2]| {
            let cases =
                verdicts.map(|verdict| json!({"id": "a.b", "level": "MUST", "counted": true, "verdict": verdict}));
            markdown(&[json!({"name": "x", "cases": cases})])
        };
        for verdicts in [["passed", "skipped"], ["skipped", "passed"]] {
            assert!(twice(verdicts).contains("1 of 1"), "what does not apply in one setting passed in the other");
        }
        for verdicts in [["passed", "withheld"], ["withheld", "passed"], ["withheld", "skipped"]] {
            assert!(twice(verdicts).contains("0 of 1"), "the worse of two settings counts");
        }
        runs[0]["cases"].as_array_mut().unwrap().push(json!({"id": "a.good", "group": "dpop", "verdict": "passed"}));
        blur(&mut runs);
        assert_eq!(runs[0]["cases"][3]["verdict"], "withheld", "what passed would say what did not");
        assert_eq!(runs[0]["counts"], json!({"passed": 1, "refused": 1, "withheld": 2}));
        assert!(table.contains("| other | this one | 0 of 3 | – | – | 2 | DPoP |"), "{table}");
    }
}
