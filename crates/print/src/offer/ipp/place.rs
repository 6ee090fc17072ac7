//! Under which address a client reached a printer: every URI in an answer is made from it.
//!
//! A printer has as many addresses as the computer has networks, and a client may come through a translated one; only
//! the one that it used itself is sure to work for it.

/// Where a request came in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Over TLS.
    pub secure: bool,
    /// Host and port as the client wrote them, checked by the door; always with a port.
    pub authority: String,
    /// The printer's path, without a slash at its end.
    pub path: String,
    /// True when the same port speaks TLS and plain HTTP.
    pub both: bool,
}

impl Place {
    /// The printer's URI as the client used it.
    #[must_use]
    pub fn printer_uri(&self) -> String {
        self.uri(self.secure)
    }

    /// The same over TLS, or without.
    pub(super) fn uri(&self, secure: bool) -> String {
        let scheme = if secure { "ipps" } else { "ipp" };
        format!("{scheme}://{}{}", self.authority, self.path)
    }

    pub(super) fn job_uri(&self, number: i32) -> String {
        format!("{}/jobs/{number}", self.printer_uri())
    }

    /// The printer's page, or something below it. Always plain HTTP where that is spoken: a browser warns of our
    /// certificate, and `adminurl` in DNS-SD must be the same whichever way a client came.
    #[must_use]
    pub fn web(&self, below: &str) -> String {
        let scheme = if self.secure && !self.both { "https" } else { "http" };
        format!("{scheme}://{}{}{below}", self.authority, self.path)
    }

    /// What the path of a URI names here. The host is not compared: the door has let it in, and a client behind a
    /// translated address cannot know better.
    pub(super) fn names(&self, uri: &str) -> Option<Named> {
        let (scheme, rest) = uri.split_once("://")?;
        if !["ipp", "ipps", "http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return None;
        }
        let path = rest.find('/').map_or("", |at| &rest[at..]);
        // CUPS writes options for itself behind a device's URI and sends them along.
        let path = path.split('?').next().unwrap_or_default();
        let below = path.strip_prefix(self.path.as_str())?;
        match below.strip_prefix("/jobs/") {
            Some(number) => number.parse().ok().filter(|number| *number > 0).map(Named::Job),
            None => matches!(below, "" | "/").then_some(Named::Printer),
        }
    }
}

/// What a URI names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Printer,
    Job(i32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        Place {
            secure: false,
            authority: "192.168.1.7:7717".to_owned(),
            path: "/ipp/print/a".to_owned(),
            both: true,
        }
    }

    #[test]
    fn a_uri_names_the_printer_or_one_of_its_jobs_or_nothing() {
        let named = |uri: &str| place().names(uri);
        assert_eq!(named("ipp://192.168.1.7:7717/ipp/print/a"), Some(Named::Printer));
        assert_eq!(named("ipps://other.local/ipp/print/a/"), Some(Named::Printer));
        assert_eq!(named("ipp://h:1/ipp/print/a?waitjob=false"), Some(Named::Printer));
        assert_eq!(named("ipp://h:1/ipp/print/a/jobs/12"), Some(Named::Job(12)));
        for wrong in [
            "",
            "ipp://h",
            "ipp://h/ipp/print/b",
            "ipp://h/ipp/print/ab",
            "ipp://h/ipp/print/a/jobs/",
            "ipp://h/ipp/print/a/jobs/0",
            "ipp://h/ipp/print/a/jobs/-1",
            "ipp://h/ipp/print/a/jobs/x",
            "file:///ipp/print/a",
            "/ipp/print/a",
        ] {
            assert_eq!(named(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_job_is_found_by_the_uri_that_it_was_given() {
        assert_eq!(place().names(&place().job_uri(7)), Some(Named::Job(7)));
    }
}
