//! One page of several runs. Nothing is loaded from elsewhere.

use serde_json::Value;

/// The page. A `<` in the data cannot end the script that it is in.
pub(crate) fn page(runs: &[Value]) -> String {
    let data = Value::from(runs.to_vec()).to_string().replace('<', "\\u003c");
    include_str!("report.html").replace("/*DATA*/null", &data)
}
