//! The `If` header (RFC 4918 §10.4): which lock tokens a client has, and what it believes to be true.
//!
//! Read and judged without knowing of files or locks: who asks brings what is true of a resource.

/// Conditions in one header.
const MOST: usize = 128;

/// A header that was understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conditions {
    lists: Vec<List>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    /// The address that it is about; the one of the request when none is said.
    about: Option<String>,
    all_of: Vec<Condition>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Condition {
    not: bool,
    state: State,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Token(String),
    /// With its quotes, as `ETag` has it.
    Etag(String),
}

/// What is true of a resource.
#[derive(Clone, Debug, Default)]
pub(super) struct Truth {
    /// None when there is no such resource, or it has none.
    pub(super) etag: Option<String>,
    /// Tokens of the locks on it.
    pub(super) tokens: Vec<String>,
}

/// The header is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the If header is malformed")]
pub(super) struct BadIf;

impl Conditions {
    pub(super) fn parse(text: &str) -> Result<Self, BadIf> {
        let mut rest = text.trim();
        let mut lists = Vec::new();
        let (mut about, mut tagged, mut count) = (None, None, 0);
        while !rest.is_empty() {
            if rest.starts_with('<') {
                let (address, after) = enclosed(rest, '<', '>')?;
                // A tag without a list, or lists with and without tags, are not in the grammar.
                let has_list = after.trim_start().starts_with('(');
                if tagged == Some(false) || !has_list {
                    return Err(BadIf);
                }
                (about, tagged) = (Some(address.to_owned()), Some(true));
                rest = after.trim_start();
            }
            tagged.get_or_insert(false);
            let inside = rest.strip_prefix('(').ok_or(BadIf)?;
            let (all_of, after) = list(inside)?;
            count += all_of.len();
            if count > MOST {
                return Err(BadIf);
            }
            lists.push(List { about: about.clone(), all_of });
            rest = after.trim_start();
        }
        if lists.is_empty() { Err(BadIf) } else { Ok(Self { lists }) }
    }

    /// Every lock token that is in it: having said it, the client has it (RFC 4918 §6.5), whatever becomes of the
    /// conditions.
    pub(super) fn tokens(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().flat_map(|list| &list.all_of).filter_map(|condition| match &condition.state {
            State::Token(token) => Some(token.as_str()),
            State::Etag(_) => None,
        })
    }

    /// Whether one of the lists holds. `truth` is asked for what is true of an address; none is the request's own.
    pub(super) fn hold<E>(&self, mut truth: impl FnMut(Option<&str>) -> Result<Truth, E>) -> Result<bool, E> {
        let mut last: Option<(Option<&str>, Truth)> = None;
        for list in &self.lists {
            let about = list.about.as_deref();
            let known = match last.take() {
                Some((before, known)) if before == about => known,
                _ => truth(about)?,
            };
            if list.all_of.iter().all(|condition| condition.holds(&known)) {
                return Ok(true);
            }
            last = Some((about, known));
        }
        Ok(false)
    }
}

impl Condition {
    fn holds(&self, truth: &Truth) -> bool {
        let is_so = match &self.state {
            State::Token(token) => truth.tokens.contains(token),
            // A weak tag is never good enough to change something by (RFC 4918 §10.4.4).
            State::Etag(etag) => truth.etag.as_ref() == Some(etag),
        };
        is_so != self.not
    }
}

/// Up to the closing parenthesis, and what comes after it.
fn list(mut rest: &str) -> Result<(Vec<Condition>, &str), BadIf> {
    let mut all_of = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix(')') {
            return if all_of.is_empty() { Err(BadIf) } else { Ok((all_of, after)) };
        }
        let mut not = false;
        if rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not")) {
            not = true;
            rest = rest[3..].trim_start();
        }
        let (state, after) = if rest.starts_with('[') {
            // A `]` may be inside the quotes.
            let open = rest[1..].find('"').ok_or(BadIf)? + 2;
            let close = rest[open..].find('"').ok_or(BadIf)? + open + 1;
            let after = rest[close..].trim_start().strip_prefix(']').ok_or(BadIf)?;
            (State::Etag(rest[1..close].trim().to_owned()), after)
        } else {
            let (token, after) = enclosed(rest, '<', '>')?;
            (State::Token(token.to_owned()), after)
        };
        if all_of.len() >= MOST {
            return Err(BadIf);
        }
        all_of.push(Condition { not, state });
        rest = after;
    }
}

fn enclosed(text: &str, open: char, close: char) -> Result<(&str, &str), BadIf> {
    let (inside, after) = text.strip_prefix(open).and_then(|rest| rest.split_once(close)).ok_or(BadIf)?;
    if inside.is_empty() || inside.contains(char::is_whitespace) { Err(BadIf) } else { Ok((inside, after)) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn holds(header: &str, about: Option<&str>, etag: &str, tokens: &[&str]) -> bool {
        let truth = Truth {
            etag: Some(etag.to_owned()),
            tokens: tokens.iter().map(|token| (*token).to_owned()).collect(),
        };
        let of = |asked: Option<&str>| -> Result<Truth, ()> {
            Ok(if asked == about { truth.clone() } else { Truth::default() })
        };
        Conditions::parse(header).unwrap().hold(of).unwrap()
    }

    #[test]
    fn one_list_that_holds_is_enough() {
        let tokens: &[&str] = &["urn:uuid:1"];
        for (header, expected) in [
            ("(<urn:uuid:1>)", true),
            ("(<urn:uuid:2>)", false),
            ("(Not <urn:uuid:2>)", true),
            ("(not <urn:uuid:1>)", false),
            ("(<urn:uuid:1> [\"a\"])", true),
            ("(<urn:uuid:1>[\"b\"])", false),
            ("(<urn:uuid:1> Not [\"b\"])", true),
            ("(<urn:uuid:2>) ([\"a\"])", true),
            ("(<urn:uuid:2>)(<urn:uuid:1>)", true),
            ("([W/\"a\"])", false),
            ("([\"x]y\"]) (Not <DAV:no-lock>)", true),
            ("(<DAV:no-lock>)", false),
        ] {
            assert_eq!(holds(header, None, "\"a\"", tokens), expected, "{header}");
        }
        let tagged = "<http://h/x> (<urn:uuid:1>) ([\"z\"]) </y> (Not <DAV:no-lock>)";
        assert!(holds(tagged, Some("http://h/x"), "\"a\"", tokens));
        assert!(!holds("<http://h/x> (<urn:uuid:1>)", Some("http://h/other"), "\"a\"", tokens));
    }

    #[test]
    fn every_token_counts_as_said() {
        let conditions = Conditions::parse("</a> (<urn:1> [\"e\"]) (Not <urn:2>) </b> (<urn:3>)").unwrap();
        assert_eq!(conditions.tokens().collect::<Vec<_>>(), ["urn:1", "urn:2", "urn:3"]);
    }

    #[test]
    fn what_is_not_in_the_grammar_is_refused() {
        let many = format!("({})", "<a>".repeat(MOST + 1));
        for header in [
            "",
            " ",
            "()",
            "(",
            "(<a>",
            "<a>",
            "<a> <b> (<c>)",
            "(<a>) <b> (<c>)",
            "(<>)",
            "(<a b>)",
            "(a)",
            "([a])",
            "([\"a\")",
            "(Not)",
            "(<a>) x",
            "(<a>) (Not Not <b>)",
            &many,
        ] {
            assert_eq!(Conditions::parse(header), Err(BadIf), "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_of_a_stranger_panics(text in "[<>()\\[\\]\" NotaW/é]{0,30}") {
            if let Ok(conditions) = Conditions::parse(&text) {
                prop_assert!(conditions.hold(|_| Ok::<_, ()>(Truth::default())).is_ok());
            }
        }
    }
}
