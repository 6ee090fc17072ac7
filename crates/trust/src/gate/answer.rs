//! What every answer says to a browser, so that nothing in it runs or is shown elsewhere.

/// What an answer carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// One of our own pages, or what such a page asks for.
    Page,
    /// A file that somebody shares; it may hold anything. The door adds `Content-Disposition: attachment`.
    File,
}

/// Headers that every answer of this kind gets.
///
/// A page says `same-origin` and not `no-referrer`, because a browser then writes `Origin: null` into the forms of
/// the page (Fetch, "append a request `Origin` header"), and [`admit`](super::admit) would turn our own guests away.
#[must_use]
pub const fn response_headers(answer: Answer) -> &'static [(&'static str, &'static str)] {
    match answer {
        Answer::Page => &[
            ("x-content-type-options", "nosniff"),
            (
                "content-security-policy",
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
                 connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            ),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ],
        Answer::File => &[
            ("x-content-type-options", "nosniff"),
            ("content-security-policy", "sandbox; default-src 'none'"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ],
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn no_answer_lets_another_origin_in_and_our_own_forms_keep_their_origin() {
        for answer in [Answer::Page, Answer::File] {
            let headers = response_headers(answer);
            assert!(headers.iter().all(|(name, _)| !name.starts_with("access-control-")));
            let value = |wanted| headers.iter().find(|(name, _)| *name == wanted).unwrap().1;
            assert_eq!(value("x-content-type-options"), "nosniff");
            assert_eq!(value("cache-control"), "no-store");
            assert_eq!(value("cross-origin-resource-policy"), "same-origin");
            assert!(value("content-security-policy").contains("default-src 'none'"));
            assert_eq!(value("referrer-policy") == "no-referrer", answer == Answer::File);
        }
    }
}
