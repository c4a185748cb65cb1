//! JSON, read to the letter of RFC 8259. A name that comes twice is an error.

/// A value. A number is its text.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// In which ways the reader may be wrong, on purpose.
#[derive(Clone, Copy)]
pub(crate) struct Wrong(pub(crate) &'static str);

impl Wrong {
    fn is(self, name: &str) -> bool {
        self.0 == name
    }
}

/// A planted fault that ends the request. Nothing is printed.
fn break_down() -> ! {
    std::panic::resume_unwind(Box::new("a planted fault"))
}

/// Deeper values are refused.
const MAX_DEPTH: usize = 100;

impl Json {
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(known, _)| known == name).map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn read(bytes: &[u8], wrong: Wrong) -> Option<Self> {
        let utf16: Vec<u8>;
        let mut bytes = bytes;
        if wrong.is("utf-16") && bytes.get(1) == Some(&0) {
            let units: Vec<u16> = bytes.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
            utf16 = String::from_utf16_lossy(&units).into_bytes();
            bytes = &utf16;
        }
        let text = if wrong.is("lossy-utf-8") {
            String::from_utf8_lossy(bytes).into_owned()
        } else {
            std::str::from_utf8(bytes).ok()?.to_owned()
        };
        let mut text = text.as_str();
        if wrong.is("byte-order-mark") {
            text = text.trim_start_matches('\u{feff}');
        }
        if wrong.is("text-before") {
            text = &text[text.find('{')?..];
        }
        let mut reader = Reader { rest: text, depth: 0, wrong };
        let value = reader.value()?;
        reader.space();
        (reader.rest.is_empty() || wrong.is("text-behind")).then_some(value)
    }
}

struct Reader<'t> {
    rest: &'t str,
    depth: usize,
    wrong: Wrong,
}

impl Reader<'_> {
    fn space(&mut self) {
        if !self.wrong.is("no-space") {
            self.rest = self.rest.trim_start_matches([' ', '\t', '\r', '\n']);
        }
    }

    fn take(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self) -> Option<Json> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            if self.wrong.is("deep-json-breaks") {
                break_down();
            }
            return None;
        }
        self.space();
        let value = match self.rest.chars().next()? {
            '{' => self.object(),
            '[' => self.array(),
            '"' => self.string().map(Json::String),
            _ if self.take("true") => Some(Json::Bool(true)),
            _ if self.take("false") => Some(Json::Bool(false)),
            _ if self.take("null") => Some(Json::Null),
            _ => self.number(),
        };
        self.depth -= 1;
        value
    }

    fn object(&mut self) -> Option<Json> {
        self.rest = &self.rest[1..];
        let mut members: Vec<(String, Json)> = Vec::new();
        self.space();
        if self.take("}") {
            return Some(Json::Object(members));
        }
        loop {
            self.space();
            if self.wrong.is("lenient-json") && self.take("}") {
                return Some(Json::Object(members));
            }
            let name = self.string()?;
            self.space();
            if !self.take(":") {
                return None;
            }
            let value = self.value()?;
            match members.iter_mut().find(|(known, _)| *known == name) {
                Some(_) if self.wrong.is("first-member-wins") => {}
                Some(member) if self.wrong.is("last-member-wins") => member.1 = value,
                Some(_) => return None,
                None => members.push((name, value)),
            }
            self.space();
            if self.take("}") {
                return Some(Json::Object(members));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn array(&mut self) -> Option<Json> {
        self.rest = &self.rest[1..];
        let mut items = Vec::new();
        self.space();
        if self.take("]") {
            return Some(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            self.space();
            if self.take("]") {
                return Some(Json::Array(items));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        if !self.take("\"") {
            return None;
        }
        let mut text = String::new();
        loop {
            let one = self.rest.chars().next()?;
            self.rest = &self.rest[one.len_utf8()..];
            match one {
                '"' => return Some(text),
                '\\' if self.wrong.is("no-escapes") => text.push('\\'),
                '\\' => text.push(self.escape()?),
                one if one < ' ' && !self.wrong.is("control-characters") => return None,
                one => text.push(one),
            }
        }
    }

    fn escape(&mut self) -> Option<char> {
        let one = self.rest.chars().next()?;
        self.rest = &self.rest[one.len_utf8()..];
        Some(match one {
            '"' | '\\' | '/' => one,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.four()?;
                let pair = [first];
                if let Some(Ok(one)) = char::decode_utf16(pair).next() {
                    return Some(one);
                }
                let second = if self.take("\\u") { self.four() } else { None };
                if second.is_none() && self.wrong.is("half-pair-breaks") {
                    break_down();
                }
                char::decode_utf16([first, second?]).next()?.ok()?
            }
            _ => return None,
        })
    }

    fn four(&mut self) -> Option<u16> {
        let four = self.rest.get(..4).filter(|four| four.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        self.rest = &self.rest[4..];
        u16::from_str_radix(four, 16).ok()
    }

    fn number(&mut self) -> Option<Json> {
        if self.wrong.is("odd-json-numbers") {
            for odd in ["NaN", "Infinity", "0x10", "+1", "01"] {
                if self.take(odd) {
                    return Some(Json::Number("99999999999".to_owned()));
                }
            }
        }
        let digits = |text: &str| text.len() - text.trim_start_matches(|one: char| one.is_ascii_digit()).len();
        let text = self.rest;
        let mut at = usize::from(text.starts_with('-'));
        let whole = digits(&text[at..]);
        if whole == 0 || whole > 1 && text[at..].starts_with('0') {
            return None;
        }
        at += whole;
        if text[at..].starts_with('.') {
            let fraction = digits(&text[at + 1..]);
            if fraction == 0 {
                return None;
            }
            at += 1 + fraction;
        }
        if text[at..].starts_with(['e', 'E']) {
            at += 1;
            at += usize::from(text[at..].starts_with(['+', '-']));
            let exponent = digits(&text[at..]);
            if exponent == 0 {
                return None;
            }
            at += exponent;
        }
        self.rest = &text[at..];
        if at > 300 && self.wrong.is("long-numbers-break") {
            break_down();
        }
        Some(Json::Number(text[..at].to_owned()))
    }
}
