//! What a browser brings from a provider (RFC 6749 §4.1.2, RFC 9207): out of the query or the form.

use super::error::ProviderError;

/// The parameters that count. No `Debug`: the code is in it.
#[derive(Default)]
pub(super) struct Answer {
    pub(super) code: Option<String>,
    pub(super) state: Option<String>,
    pub(super) iss: Option<String>,
    pub(super) error: Option<String>,
}

/// The longest form or query that is read, in bytes.
pub(super) const MAX_ANSWER: usize = 8 * 1024;

impl Answer {
    pub(super) fn read(form: &str) -> Result<Self, ProviderError> {
        let mut answer = Self::default();
        if form.len() > MAX_ANSWER {
            return Err(ProviderError::Answer);
        }
        for (name, value) in parameters(form) {
            let place = match &*name {
                "code" => &mut answer.code,
                "state" => &mut answer.state,
                "iss" => &mut answer.iss,
                "error" => &mut answer.error,
                _ => continue,
            };
            // RFC 6749 §3.1: no parameter is there twice.
            if place.replace(value.ok_or(ProviderError::Answer)?).is_some() {
                return Err(ProviderError::Answer);
            }
        }
        Ok(answer)
    }
}

/// The parameters of a form or a query, decoded; the value `None` where it is not UTF-8.
pub(super) fn parameters(form: &str) -> impl Iterator<Item = (String, Option<String>)> {
    form.split('&').filter(|pair| !pair.is_empty()).filter_map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((decoded(name)?, decoded(value)))
    })
}

/// `application/x-www-form-urlencoded`, as browsers write it. A `%` without two digits behind it stands for itself (URL
/// standard §1.3).
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        bytes.push(match (first, behind) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match digit(*high).zip(digit(*low)) {
                Some((high, low)) => {
                    rest = after;
                    high << 4 | low
                }
                None => b'%',
            },
            (other, _) => *other,
        });
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_are_read_and_others_are_passed_over() {
        let form = "state=s%2D1&code=a%20b+c%25&session_state=x&iss=https%3A%2F%2Fa.example&&user=%7B";
        let answer = Answer::read(form).unwrap_or_default();
        assert_eq!(answer.state.as_deref(), Some("s-1"));
        assert_eq!(answer.code.as_deref(), Some("a b c%"));
        assert_eq!(answer.iss.as_deref(), Some("https://a.example"));
        assert!(answer.error.is_none());
        assert_eq!(Answer::read("code=%").unwrap_or_default().code.as_deref(), Some("%"));
        assert_eq!(Answer::read("code=%4g%4").unwrap_or_default().code.as_deref(), Some("%4g%4"));
    }

    #[test]
    fn a_parameter_that_is_there_twice_or_is_no_text_is_refused() {
        for form in ["code=a&code=a", "state=a&code=b&st%61te=c", "iss=&iss=", "code=%ff", "error=a&error=b"] {
            assert!(matches!(Answer::read(form), Err(ProviderError::Answer)), "{form}");
        }
        assert!(matches!(Answer::read(&"a".repeat(MAX_ANSWER + 1)), Err(ProviderError::Answer)));
    }
}
