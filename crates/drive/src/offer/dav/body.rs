//! What the bodies of PROPFIND, PROPPATCH and LOCK ask for (RFC 4918 §14).

use super::xml::{self, Element, Name, XmlError};

/// Properties named in one request.
const MOST_NAMES: usize = 256;

/// `PROPFIND`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Find {
    /// The usual ones, and these.
    All(Vec<Name>),
    /// Only which there are.
    Names,
    /// These.
    These(Vec<Name>),
}

/// One change of `PROPPATCH`; they are made in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// The property as it is to be.
    Set(Element),
    /// The one to go.
    Remove(Name),
}

impl Patch {
    pub(super) fn name(&self) -> &Name {
        match self {
            Self::Set(element) => &element.name,
            Self::Remove(name) => name,
        }
    }
}

/// `LOCK`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wanted {
    /// Nobody else may have one at the same time.
    pub(super) exclusive: bool,
    /// What the client wants others to see about whoever has the lock, as XML.
    pub(super) owner: Option<String>,
}

/// No body asks for all.
pub(super) fn find(bytes: &[u8]) -> Result<Find, XmlError> {
    if bytes.is_empty() {
        return Ok(Find::All(Vec::new()));
    }
    let root = xml::parse(bytes)?;
    if !root.name.is_dav("propfind") {
        return Err(XmlError::Malformed);
    }
    let asked = [root.dav("prop"), root.dav("allprop"), root.dav("propname")];
    match asked {
        [Some(these), None, None] => Ok(Find::These(names(these)?)),
        [None, Some(_), None] => {
            Ok(Find::All(root.dav("include").map(names).transpose()?.unwrap_or_default()))
        }
        [None, None, Some(_)] => Ok(Find::Names),
        _ => Err(XmlError::Malformed),
    }
}

fn names(of: &Element) -> Result<Vec<Name>, XmlError> {
    let mut names: Vec<Name> = of.elements().map(|element| element.name.clone()).collect();
    if names.len() > MOST_NAMES {
        return Err(XmlError::TooMuch);
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// In the order in which they stand (RFC 4918 §9.2).
pub(super) fn patch(bytes: &[u8]) -> Result<Vec<Patch>, XmlError> {
    let root = xml::parse(bytes)?;
    if !root.name.is_dav("propertyupdate") {
        return Err(XmlError::Malformed);
    }
    let mut patches = Vec::new();
    for change in root.elements() {
        let is_set = change.name.is_dav("set");
        if !is_set && !change.name.is_dav("remove") {
            continue;
        }
        let properties = change.dav("prop").ok_or(XmlError::Malformed)?;
        patches.extend(properties.elements().map(|property| match is_set {
            true => Patch::Set(property.clone()),
            false => Patch::Remove(property.name.clone()),
        }));
    }
    match patches.len() {
        0 => Err(XmlError::Malformed),
        many if many > MOST_NAMES => Err(XmlError::TooMuch),
        _ => Ok(patches),
    }
}

/// None asks for a lock that is there to last longer.
pub(super) fn lock(bytes: &[u8]) -> Result<Option<Wanted>, XmlError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let root = xml::parse(bytes)?;
    let scope = root.dav("lockscope").filter(|_| root.name.is_dav("lockinfo"));
    let write = root.dav("locktype").is_some_and(|kind| kind.dav("write").is_some());
    let exclusive = match scope.map(|scope| (scope.dav("exclusive"), scope.dav("shared"))) {
        Some((Some(_), None)) if write => true,
        Some((None, Some(_))) if write => false,
        _ => return Err(XmlError::Malformed),
    };
    let owner = root.dav("owner").map(|owner| {
        let mut out = String::new();
        owner.write(&mut out);
        out
    });
    Ok(Some(Wanted { exclusive, owner }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn dav(inside: &str, of: &str) -> Vec<u8> {
        format!("<?xml version=\"1.0\"?><{of} xmlns=\"DAV:\" xmlns:x=\"urn:x\">{inside}</{of}>").into_bytes()
    }

    #[test]
    fn a_propfind_says_what_it_wants() {
        let name = |local| Name::new("DAV:", local);
        let find = |inside: &str| find(&dav(inside, "propfind"));
        assert_eq!(super::find(b""), Ok(Find::All(vec![])));
        assert_eq!(find("<allprop/>"), Ok(Find::All(vec![])));
        let include = "<allprop/><include><quota-used-bytes/></include>";
        assert_eq!(find(include), Ok(Find::All(vec![name("quota-used-bytes")])));
        assert_eq!(find("<propname/>"), Ok(Find::Names));
        let these = find("<prop><x:b/><getetag/><getetag/></prop>");
        assert_eq!(these, Ok(Find::These(vec![name("getetag"), Name::new("urn:x", "b")])), "each once");
        assert_eq!(find("<x:odd/><prop/>"), Ok(Find::These(vec![])), "what is not known is passed over");
        for wrong in ["", "<allprop/><prop/>", "<x:allprop/>"] {
            assert_eq!(find(wrong), Err(XmlError::Malformed), "{wrong}");
        }
        assert_eq!(super::find(&dav("<allprop/>", "other")), Err(XmlError::Malformed));
    }

    #[test]
    fn changes_are_made_in_their_order() {
        let patch = |inside: &str| patch(&dav(inside, "propertyupdate"));
        let both = patch(
            "<set><prop><x:a>1</x:a></prop></set><remove><prop><x:a/></prop></remove><set><prop><x:b/></prop></set>",
        )
        .unwrap();
        let shown: Vec<_> =
            both.iter().map(|p| (matches!(p, Patch::Set(_)), p.name().local.as_str())).collect();
        assert_eq!(shown, [(true, "a"), (false, "a"), (true, "b")]);
        for wrong in ["", "<set/>", "<set><prop/></set>"] {
            assert_eq!(patch(wrong), Err(XmlError::Malformed), "{wrong}");
        }
    }

    #[test]
    fn a_lock_is_exclusive_or_shared() {
        let lock = |inside: &str| lock(&dav(inside, "lockinfo"));
        assert_eq!(super::lock(b""), Ok(None));
        let write = "<locktype><write/></locktype>";
        let exclusive =
            lock(&format!("<lockscope><exclusive/></lockscope>{write}<owner>me</owner>")).unwrap();
        let owner = Some("<owner xmlns=\"DAV:\">me</owner>".to_owned());
        assert_eq!(exclusive, Some(Wanted { exclusive: true, owner }));
        let shared = lock(&format!("<lockscope><shared/></lockscope>{write}")).unwrap();
        assert_eq!(shared, Some(Wanted { exclusive: false, owner: None }));
        for wrong in ["", write, "<lockscope><exclusive/></lockscope>"] {
            assert_eq!(lock(wrong), Err(XmlError::Malformed), "{wrong}");
        }
    }
}
