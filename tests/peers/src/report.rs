//! The rows as a table and as JSON.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Serialize;

use crate::measure::{Id, Row};
use crate::{actix, dpop, tower};

/// All that was measured.
pub(crate) struct Report(Vec<Row>);

impl Report {
    pub(crate) fn new(rows: Vec<Row>) -> Self {
        Self(rows)
    }

    pub(crate) fn rows(&self) -> &[Row] {
        &self.0
    }

    pub(crate) fn row(&self, id: &Id) -> Option<&Row> {
        self.0.iter().find(|row| row.id == *id)
    }

    /// The row of the same route without authentication.
    pub(crate) fn bare(&self, id: &Id) -> Option<&Row> {
        let bare = match (id.layer, &*id.implementation) {
            (tower::LAYER, "jwt-authorizer" | tower::BARE_07) => tower::BARE_07,
            (tower::LAYER | actix::LAYER, _) => "bare",
            (dpop::LAYER, "ours") => "bare",
            (dpop::LAYER, peer) if dpop::PEERS.contains(&peer) => "bare",
            _ => return None,
        };
        self.row(&Id::new(id.layer, id.algorithm, bare, "cold"))
    }

    /// What authentication adds to the bare route: nanoseconds and allocations.
    pub(crate) fn over_bare(&self, row: &Row) -> Option<(f64, f64)> {
        let bare = self.bare(&row.id)?;
        Some((row.ns - bare.ns, row.allocations? - bare.allocations?))
    }

    pub(crate) fn print(&self) {
        let mut before = None;
        for row in &self.0 {
            let id = &row.id;
            if before != Some((id.layer, id.algorithm)) {
                before = Some((id.layer, id.algorithm));
                let title = format!("{} {}", id.layer, id.algorithm);
                let columns = ("min ns", "median ns", "allocs", "over bare", "allocs");
                let (min, median, allocations, over, over_allocations) = columns;
                println!("\n{title:<42} {min:>10} {median:>10} {allocations:>8} {over:>11} {over_allocations:>8}");
            }
            let name = format!("{} ({})", id.implementation, id.mode);
            let allocations = row.allocations.map_or("-".to_owned(), |count| format!("{count:.1}"));
            let (over, over_allocations) = match self.over_bare(row) {
                Some((ns, allocations)) => (format!("{ns:.0}"), format!("{allocations:.1}")),
                None => (String::new(), String::new()),
            };
            let extra: String = row.extra.iter().map(|(name, value)| format!("  {name} {}", short(*value))).collect();
            println!(
                "  {name:<40} {:>10.0} {:>10.0} {allocations:>8} {over:>11} {over_allocations:>8}{extra}",
                row.ns, row.median_ns,
            );
        }
    }

    /// An array, one row a line.
    pub(crate) fn write_json(&self, path: &Path) -> std::io::Result<()> {
        let rows = self.0.iter().map(json).collect::<serde_json::Result<Vec<String>>>()?;
        fs::write(path, format!("[\n{}\n]\n", rows.join(",\n")))
    }
}

fn json(row: &Row) -> serde_json::Result<String> {
    #[derive(Serialize)]
    struct Json<'r> {
        layer: &'r str,
        algorithm: &'r str,
        implementation: &'r str,
        mode: &'r str,
        ns: f64,
        median_ns: f64,
        /// `null` where they were not counted.
        allocations: Option<f64>,
        #[serde(flatten)]
        extra: BTreeMap<&'r str, f64>,
    }
    serde_json::to_string(&Json {
        layer: row.id.layer,
        algorithm: row.id.algorithm,
        implementation: &row.id.implementation,
        mode: row.id.mode,
        ns: rounded(row.ns),
        median_ns: rounded(row.median_ns),
        allocations: row.allocations.map(rounded),
        extra: row.extra.iter().map(|(name, value)| (*name, rounded(*value))).collect(),
    })
}

/// What is counted or timed has no use for a fraction, a fraction has.
fn short(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.0}") }
}

/// What stands behind it is noise.
fn rounded(value: f64) -> f64 {
    let digits = if value < 10.0 { 1000.0 } else { 10.0 };
    (value * digits).round() / digits
}
