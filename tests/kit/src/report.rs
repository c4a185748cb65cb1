//! What a run has found, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::base64url;
use crate::case::Level;
use crate::run::{Exchange, Outcome, Verdict};

/// Everything that one target showed.
pub(crate) struct Report {
    pub(crate) name: String,
    pub(crate) versions: Option<String>,
    pub(crate) url: String,
    pub(crate) date: String,
    pub(crate) outcomes: Vec<Outcome>,
    /// Groups that were not applied, with the reason.
    pub(crate) left_out: Vec<(String, usize, String)>,
}

/// Bytes of a request or an answer that a report keeps.
const KEPT: usize = 3000;

#[derive(Default, Clone, Copy)]
pub(crate) struct Count {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) skipped: usize,
    pub(crate) taste: usize,
}

impl Report {
    pub(crate) fn count(&self) -> Count {
        let mut count = Count::default();
        for outcome in &self.outcomes {
            match &outcome.verdict {
                Verdict::Skipped(_) => count.skipped += 1,
                _ if outcome.case.level == Level::Taste => count.taste += 1,
                Verdict::Passed => count.passed += 1,
                Verdict::Failed(..) => count.failed += 1,
            }
        }
        count
    }

    /// The cases that count and failed.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes
            .iter()
            .filter(|outcome| matches!(outcome.verdict, Verdict::Failed(..)) && outcome.case.level != Level::Taste)
    }

    pub(crate) fn json(&self) -> Value {
        let count = self.count();
        let outcomes: Vec<Value> = self.outcomes.iter().map(outcome).collect();
        let left_out: Vec<Value> = self
            .left_out
            .iter()
            .map(|(group, cases, why)| json!({"group": group, "cases": cases, "why": why}))
            .collect();
        json!({
            "kit": env!("CARGO_PKG_VERSION"),
            "name": self.name,
            "versions": self.versions,
            "url": self.url,
            "date": self.date,
            "passed": count.passed,
            "failed": count.failed,
            "skipped": count.skipped,
            "not_counted": count.taste,
            "cases": outcomes,
            "left_out": left_out,
        })
    }

    pub(crate) fn junit(&self) -> String {
        let count = self.count();
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        _ = writeln!(
            xml,
            "<testsuites name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\">",
            xml_text(&self.name),
            self.outcomes.len(),
            count.failed,
            count.skipped
        );
        let mut groups: BTreeMap<&str, Vec<&Outcome>> = BTreeMap::new();
        for outcome in &self.outcomes {
            groups.entry(outcome.case.group).or_default().push(outcome);
        }
        for (group, outcomes) in groups {
            _ = writeln!(xml, "  <testsuite name=\"{group}\" tests=\"{}\">", outcomes.len());
            for outcome in outcomes {
                let case = &outcome.case;
                _ = write!(
                    xml,
                    "    <testcase classname=\"{group}\" name=\"{}: {}\" time=\"{}.{:03}\"",
                    case.id,
                    xml_text(case.sentence),
                    outcome.millis / 1000,
                    outcome.millis % 1000
                );
                match &outcome.verdict {
                    Verdict::Failed(kind, why) if case.level != Level::Taste => {
                        _ = writeln!(
                            xml,
                            "><failure type=\"{}\" message=\"{}\">{} ({})</failure></testcase>",
                            kind.words(),
                            xml_text(why),
                            case.clause,
                            case.level.words()
                        );
                    }
                    Verdict::Skipped(why) => {
                        _ = writeln!(xml, "><skipped message=\"{}\"/></testcase>", xml_text(why));
                    }
                    _ => xml.push_str("/>\n"),
                }
            }
            xml.push_str("  </testsuite>\n");
        }
        xml + "</testsuites>\n"
    }
}

fn outcome(outcome: &Outcome) -> Value {
    let case = &outcome.case;
    let (verdict, kind, why) = match &outcome.verdict {
        Verdict::Passed => ("passed", None, None),
        Verdict::Failed(kind, why) => ("failed", Some(kind.words()), Some(why)),
        Verdict::Skipped(why) => ("skipped", None, Some(why)),
    };
    json!({
        "id": case.id,
        "group": case.group,
        "sentence": case.sentence,
        "clause": case.clause,
        "level": case.level.words(),
        "counted": case.level != Level::Taste,
        "setting": outcome.setting,
        "verdict": verdict,
        "kind": kind,
        "why": why,
        "millis": u64::try_from(outcome.millis).unwrap_or(u64::MAX),
        "exchanges": outcome.exchanges.iter().map(exchange).collect::<Vec<_>>(),
    })
}

fn exchange(exchange: &Exchange) -> Value {
    json!({
        "note": exchange.note,
        "allowed": exchange.allowed,
        "problem": exchange.problem,
        "millis": u64::try_from(exchange.millis).unwrap_or(u64::MAX),
        "sent": readable(&exchange.sent),
        "came": readable(&exchange.came),
        "curl": if exchange.curl.len() > KEPT { Value::Null } else { json!(exchange.curl) },
        "claims": exchange.said.clone().or_else(|| decoded(&exchange.sent)),
    })
}

/// Bytes as text: what is not printable is written as in a string of a program.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes.iter().take(KEPT) {
        match byte {
            b'\r' => {}
            b'\n' => text.push('\n'),
            b'\t' => text.push_str("\\t"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => _ = write!(text, "\\x{byte:02x}"),
        }
    }
    if bytes.len() > KEPT {
        _ = write!(text, "\n… {} bytes in all", bytes.len());
    }
    text
}

/// Header and claims of the first token of a request, for whoever reads the report.
pub(crate) fn decoded(sent: &[u8]) -> Option<String> {
    decoded_behind(sent, "")
}

/// Header and claims of its DPoP proof.
pub(crate) fn proof(sent: &[u8]) -> Option<String> {
    decoded_behind(sent, "DPoP: ")
}

fn decoded_behind(sent: &[u8], start: &str) -> Option<String> {
    let text = String::from_utf8_lossy(sent);
    let text = &text[text.find(start)?..];
    let at = text.find("eyJ")?;
    let token: String =
        text[at..].chars().take_while(|one| one.is_ascii_alphanumeric() || ".-_=".contains(*one)).collect();
    let mut parts = token.split('.').map(|part| base64url::decode(part.trim_end_matches('=')));
    let header = parts.next()??;
    let claims = parts.next()??;
    Some(format!("{}\n{}", readable(&header), readable(&claims)))
}

fn xml_text(text: &str) -> String {
    let mut escaped = String::new();
    for one in text.chars() {
        match one {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' | '\t' => escaped.push(' '),
            one if one.is_control() => escaped.push('?'),
            one => escaped.push(one),
        }
    }
    escaped
}

/// Year, month and day in UTC. Civil from days, of a calendar without leap seconds.
pub(crate) fn today() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let mut days = seconds / 86_400;
    let mut year = 1970;
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    while days >= if is_leap(year) { 366 } else { 365 } {
        days -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let months = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= months[month] {
        days -= months[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, days + 1)
}
