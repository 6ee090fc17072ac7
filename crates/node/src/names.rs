//! Finding the one thing a person means: an id, `name@device`, or a unique part of the name.

use lanyard_api::{ApiError, ErrorCode};

/// The most candidates an `ambiguous` error lists; more help nobody.
const MAX_CANDIDATES: usize = 20;

/// What a name is matched against.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<T> {
    /// The full id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The device it is on; empty for things of this computer.
    pub device: String,
    /// The thing itself.
    pub value: T,
}

type Step<'a, T> = &'a dyn Fn(&Named<T>) -> bool;

/// Finds the one thing that `query` means. An exact id wins, then an exact `name@device` or name, then a unique
/// part (of the name, or of both sides of the `@`); comparison ignores case. `what` is the word for the error
/// ("printer").
///
/// # Errors
/// `not_found`, or `ambiguous` with the candidates.
pub fn find<T: Clone>(what: &str, query: &str, things: &[Named<T>]) -> Result<T, ApiError> {
    find_one(what, query, things, |_, _| false)
}

/// The same where several names may lead to one and the same thing: the first of them is taken.
///
/// # Errors
/// As [`find`].
pub fn find_one<T: Clone>(
    what: &str,
    query: &str,
    things: &[Named<T>],
    are_one: impl Fn(&T, &T) -> bool,
) -> Result<T, ApiError> {
    let wanted = query.trim().to_lowercase();
    if wanted.is_empty() {
        return Err(ApiError::new(ErrorCode::NotFound, format!("No {what} was named.")));
    }
    let has_id = |thing: &Named<T>| thing.id.to_lowercase() == wanted;
    let steps: [Step<'_, T>; 3] =
        [&has_id, &|thing| is_exactly(thing, &wanted), &|thing| is_part(thing, &wanted)];
    for step in steps {
        let mut hits: Vec<&Named<T>> = Vec::new();
        for hit in things.iter().filter(|thing| step(thing)) {
            if !hits.iter().any(|known| are_one(&known.value, &hit.value)) {
                hits.push(hit);
            }
        }
        match hits.as_slice() {
            [] => {}
            [one] => return Ok(one.value.clone()),
            many => return Err(ambiguous(what, query, many)),
        }
    }
    Err(ApiError::new(ErrorCode::NotFound, format!("There is no {what} called “{}”.", query.trim())))
}

fn is_exactly<T>(thing: &Named<T>, wanted: &str) -> bool {
    let name = thing.name.to_lowercase();
    name == wanted || (!thing.device.is_empty() && full(&name, &thing.device.to_lowercase()) == wanted)
}

fn is_part<T>(thing: &Named<T>, wanted: &str) -> bool {
    let name = thing.name.to_lowercase();
    if name.contains(wanted) {
        return true;
    }
    // A device's name may hold an `@` itself, and so may a printer's: every place to split is tried.
    let device = thing.device.to_lowercase();
    wanted.match_indices('@').any(|(at, _)| {
        let (left, right) = (wanted[..at].trim(), wanted[at + 1..].trim());
        !left.is_empty() && !right.is_empty() && name.contains(left) && device.contains(right)
    })
}

fn ambiguous<T>(what: &str, query: &str, hits: &[&Named<T>]) -> ApiError {
    let labels: Vec<String> = hits.iter().map(|hit| label(hit)).collect();
    let detail = format!("“{}” could mean more than one {what}.", query.trim());
    let mut error = ApiError::new(ErrorCode::Ambiguous, detail);
    error.candidates = hits
        .iter()
        .zip(&labels)
        .map(|(hit, label)| {
            // Two devices may carry the same name: then only the id tells them apart.
            let told_apart = labels.iter().filter(|other| *other == label).count() == 1;
            if told_apart { label.clone() } else { hit.id.clone() }
        })
        .take(MAX_CANDIDATES)
        .collect();
    error
}

fn label<T>(thing: &Named<T>) -> String {
    if thing.device.is_empty() { thing.name.clone() } else { full(&thing.name, &thing.device) }
}

fn full(name: &str, device: &str) -> String {
    format!("{name}@{device}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn thing(id: &str, name: &str, device: &str) -> Named<String> {
        Named { id: id.into(), name: name.into(), device: device.into(), value: id.into() }
    }

    fn thing_of(id: &str, name: &str, device: &str) -> Named<(usize, &'static str)> {
        Named { id: id.into(), name: name.into(), device: device.into(), value: (0, "") }
    }

    fn office() -> Vec<Named<String>> {
        vec![
            thing("a@1", "Laser", "Anna's laptop"),
            thing("b@1", "Laser Colour", "Anna's laptop"),
            thing("c@2", "Laser", "Ben"),
            thing("d@2", "Ink", "Ben"),
        ]
    }

    #[test]
    fn an_exact_id_wins_over_everything() {
        assert_eq!(find("printer", "C@2", &office()).unwrap(), "c@2");
    }

    #[test]
    fn a_name_with_its_device_is_enough() {
        assert_eq!(find("printer", "laser@anna's laptop", &office()).unwrap(), "a@1");
        assert_eq!(find("printer", "Laser@Ben", &office()).unwrap(), "c@2");
    }

    #[test]
    fn a_unique_part_is_enough() {
        assert_eq!(find("printer", "colour", &office()).unwrap(), "b@1");
        assert_eq!(find("printer", "ink@be", &office()).unwrap(), "d@2");
    }

    #[test]
    fn an_ambiguous_name_is_refused_with_the_candidates() {
        let error = find("printer", "laser", &office()).unwrap_err();
        assert_eq!(error.code, ErrorCode::Ambiguous);
        assert_eq!(error.candidates, ["Laser@Anna's laptop", "Laser@Ben"], "the exact names only");
    }

    #[test]
    fn several_ways_to_one_printer_are_no_reason_to_ask() {
        let all = [
            Named { value: (0, "anna"), ..thing_of("a@1", "Laser", "Anna's laptop") },
            Named { value: (0, "ben"), ..thing_of("c@2", "Laser", "Ben") },
            Named { value: (1, "cleo"), ..thing_of("d@3", "Laser Colour", "Cleo") },
        ];
        let find = |query| find_one("printer", query, &all, |one, other| one.0 == other.0);
        assert_eq!(find("laser").unwrap(), (0, "anna"), "the better way");
        assert_eq!(find("laser@ben").unwrap(), (0, "ben"), "the one that was named");
        assert_eq!(find("las").unwrap_err().candidates, ["Laser@Anna's laptop", "Laser Colour@Cleo"]);
    }

    #[test]
    fn twins_are_told_apart_by_their_ids() {
        let twins = [thing("x@1", "Laser", "pi"), thing("x@2", "Laser", "pi")];
        assert_eq!(find("printer", "laser@pi", &twins).unwrap_err().candidates, ["x@1", "x@2"]);
    }

    #[test]
    fn an_unknown_or_empty_name_is_not_found() {
        for query in ["plotter", "", "  ", "@", "laser@"] {
            assert_eq!(find("printer", query, &office()).unwrap_err().code, ErrorCode::NotFound, "{query}");
        }
    }
}
