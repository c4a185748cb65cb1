//! The rows of the tower layer as a bar chart in SVG, legible on light and on dark ground.

use std::fmt::Write;

use crate::ours::{self, Mode};
use crate::report::Report;
use crate::tower;

const WIDTH: usize = 760;
const LABELS: usize = 230;
const BARS: usize = 420;
const LINE: usize = 24;
const TITLE: usize = 48;

/// Colours by class, so that the reader's colour scheme decides. The ground is left to the page.
const STYLE: &str = "
  text { font: 13px system-ui, sans-serif; fill: #24292f; }
  .title { font-weight: 600; }
  .peer { fill: #8c959f; }
  .ours { fill: #0969da; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .peer { fill: #6e7681; }
    .ours { fill: #58a6ff; }
  }
";

/// What one bar shows.
struct Bar {
    name: String,
    ours: bool,
    ns: f64,
}

/// The chart, or nothing where a part of it was not measured.
pub(crate) fn svg(report: &Report) -> Option<String> {
    let panels = [("HS256", bars(report, "HS256")), ("RS256", bars(report, "RS256"))];
    if panels.iter().any(|(_, bars)| bars.len() < 3) {
        return None;
    }
    let (mut body, mut top) = (String::new(), 0);
    for (algorithm, bars) in &panels {
        panel(&mut body, top, algorithm, bars);
        top += TITLE + bars.len() * LINE;
    }
    let height = top + LINE / 2;
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\">\n<title>Nanoseconds that authentication adds to a request</title>\n\
         <style>{STYLE}</style>\n{body}</svg>\n"
    ))
}

/// The quickest first.
fn bars(report: &Report, algorithm: &str) -> Vec<Bar> {
    let rows = report.rows().iter().filter(|row| (row.id.layer, row.id.algorithm) == (tower::LAYER, algorithm));
    let mut bars: Vec<Bar> = rows
        .filter(|row| {
            !matches!(&*row.id.implementation, "bare" | tower::BARE_07 | tower::EMPTY_LAYER | tower::HANDOVER)
        })
        .filter(|row| !matches!(&*row.id.implementation, ours::GUARDED | ours::GUARDED_APART))
        .filter_map(|row| {
            let ours = row.id.implementation == "ours";
            let name = match (ours, row.id.mode) {
                (true, mode) if mode == Mode::Cached.name() => "jwt-tower, token seen before".to_owned(),
                (true, _) => "jwt-tower".to_owned(),
                (false, _) if row.id.implementation == "recipe" => "jsonwebtoken, by hand".to_owned(),
                (false, _) => row.id.implementation.clone(),
            };
            Some(Bar { name, ours, ns: report.over_bare(row)?.0.max(0.0) })
        })
        .collect();
    bars.sort_by(|one, other| one.ns.total_cmp(&other.ns));
    bars
}

fn panel(svg: &mut String, top: usize, algorithm: &str, bars: &[Bar]) {
    let title = format!("{algorithm}: nanoseconds added to a request (axum), less is better");
    line(svg, 12, top + 30, "class=\"title\"", &title);
    let longest = bars.iter().map(|bar| bar.ns).fold(1.0, f64::max);
    for (index, bar) in bars.iter().enumerate() {
        let y = top + TITLE + index * LINE;
        let length = (bar.ns / longest * BARS as f64).max(1.0);
        let class = if bar.ours { "ours" } else { "peer" };
        line(svg, LABELS - 10, y + 13, "text-anchor=\"end\"", &bar.name);
        let height = LINE - 6;
        // Infallible: the target is a string.
        let _ = writeln!(
            svg,
            "<rect class=\"{class}\" x=\"{LABELS}\" y=\"{y}\" width=\"{length:.1}\" height=\"{height}\" rx=\"2\"/>"
        );
        line(svg, LABELS + length as usize + 8, y + 13, "", &thousands(bar.ns));
    }
}

fn line(svg: &mut String, x: usize, y: usize, attributes: &str, text: &str) {
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" {attributes}>{text}</text>");
}

/// With thin spaces between the groups.
fn thousands(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{2009}');
        }
        text.push(digit);
    }
    text
}
