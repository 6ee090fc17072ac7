//! The one place that picks the attributes that a client asked for (RFC 8011 §4.2.5.1, §4.3.4.1). Pure.

use super::call::Call;
use lanyard_ipp::{Attribute, Value};

/// The groups that an attribute can be asked for with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `printer-description`, `job-description`, `all`.
    Description,
    /// `job-template`, `all`.
    Template,
    /// Only by its own name, as `media-col-database` is: it is large.
    ByName,
}

/// Attributes with their kinds.
pub(super) type All = Vec<(Kind, Attribute)>;

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    names: Vec<String>,
}

impl Wanted {
    /// What the request says, or else `default`.
    pub(super) fn of(call: &Call, default: &[&str]) -> Self {
        let told = call.asked.find("requested-attributes").map(|attribute| {
            attribute.values.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>()
        });
        Self { names: told.unwrap_or_else(|| default.iter().map(|name| (*name).to_owned()).collect()) }
    }

    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|wanted| wanted == name)
    }

    /// `description` is what this object's description group is called.
    fn wants(&self, description: &str, kind: Kind, name: &str) -> bool {
        let by_group = match kind {
            Kind::Description => self.has("all") || self.has(description),
            Kind::Template => self.has("all") || self.has("job-template"),
            Kind::ByName => false,
        };
        by_group || self.has(name)
    }

    pub(super) fn of_a_printer(&self, all: All) -> Vec<Attribute> {
        self.pick("printer-description", all)
    }

    pub(super) fn of_a_job(&self, all: All) -> Vec<Attribute> {
        self.pick("job-description", all)
    }

    fn pick(&self, description: &str, all: All) -> Vec<Attribute> {
        let wanted =
            all.into_iter().filter(|(kind, attribute)| self.wants(description, *kind, &attribute.name));
        wanted.map(|(_, attribute)| attribute).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picked(names: &[&str]) -> Vec<String> {
        let wanted = Wanted { names: names.iter().map(|name| (*name).to_owned()).collect() };
        let one = |kind, name: &str| (kind, Attribute::one(name, Value::Boolean(true)));
        let all = vec![
            one(Kind::Description, "printer-name"),
            one(Kind::Template, "copies-default"),
            one(Kind::ByName, "media-col-database"),
        ];
        wanted.of_a_printer(all).into_iter().map(|attribute| attribute.name).collect()
    }

    #[test]
    fn groups_and_names_pick_what_they_mean() {
        assert_eq!(picked(&["all"]), ["printer-name", "copies-default"]);
        assert_eq!(picked(&["printer-description"]), ["printer-name"]);
        assert_eq!(picked(&["job-template"]), ["copies-default"]);
        assert_eq!(picked(&["media-col-database"]), ["media-col-database"]);
        assert_eq!(picked(&["all", "media-col-database"]).len(), 3);
        assert_eq!(picked(&["copies-default", "no-such-thing"]), ["copies-default"]);
        assert_eq!(picked(&["none"]), [""; 0]);
        assert_eq!(picked(&["job-description"]), [""; 0], "a printer has no such group");
    }
}
