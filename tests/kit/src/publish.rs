//! The scoreboard: several runs as one table. What looks like a weakness of somebody else's server is withheld.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

/// The runs without what looks like a weakness, but for those of our own: a case in which a server accepted what has to be
/// refused, or broke, says no more than that it is withheld.
pub(crate) fn withhold(runs: &mut [Value], own: &[String]) {
    for run in runs {
        let is_own = own.iter().any(|name| run["name"] == name.as_str());
        for case in run["cases"].as_array_mut().into_iter().flatten() {
            let is_weak = case["kind"] == "accepted" || case["kind"] == "broke";
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

/// The table, and below it what each server fails and is not withheld.
pub(crate) fn markdown(runs: &[Value]) -> String {
    let mut text =
        String::from("| server | version | MUST | SHOULD | defence in depth | withheld |\n|---|---|---|---|---|---|\n");
    let mut details = String::new();
    for run in runs {
        let mut sums: BTreeMap<&str, Sum> = BTreeMap::new();
        let mut withheld = 0;
        let mut failed = Vec::new();
        for case in run["cases"].as_array().into_iter().flatten() {
            if case["counted"] == false || case["verdict"] == "skipped" {
                continue;
            }
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
            "| {name} | {} | {} | {} | {} | {} |",
            run["versions"].as_str().unwrap_or("this one"),
            sum("MUST"),
            sum("SHOULD"),
            sum("defence in depth"),
            if withheld == 0 { "none".to_owned() } else { withheld.to_string() }
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
        let case = |kind: &str| json!({"id": "a.b", "level": "MUST", "counted": true, "verdict": "failed", "kind": kind, "why": "200 came", "exchanges": [{"sent": "x"}]});
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
        assert!(table.contains("| other | this one | 0 of 3 | – | – | 2 |"), "{table}");
    }
}
