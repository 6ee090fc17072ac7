//! Small XML documents from strangers: read within narrow limits, and written again.
//!
//! Bodies of WebDAV are a handful of elements. What is larger, deeper or has more of them than any client sends is
//! refused while it is read, before anything is built of it: nesting has overrun the stack of other servers. A document
//! type (RFC 4918 §20.6) and entities of its own are refused, too.

use quick_xml::{
    XmlVersion,
    escape::unescape,
    events::{BytesStart, Event},
    name::{NamespaceResolver, PrefixDeclaration, ResolveResult},
    reader::NsReader,
};
use std::fmt::Write as _;

/// Bytes of a body.
pub(super) const MOST_BYTES: usize = 64 << 10;
/// Elements inside each other.
const DEEPEST: usize = 32;
/// Elements in all.
const MOST_ELEMENTS: usize = 2_000;
/// Attributes in all.
const MOST_ATTRIBUTES: usize = 2_000;

/// WebDAV's own namespace.
pub(super) const DAV: &str = "DAV:";
/// What `xml:lang` is in, whose prefix needs no declaration and may have no other.
const XML: &str = "http://www.w3.org/XML/1998/namespace";
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

/// A name with its namespace, which is empty when there is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Name {
    pub(super) space: String,
    pub(super) local: String,
}

impl Name {
    pub(super) fn new(space: &str, local: &str) -> Self {
        Self { space: space.to_owned(), local: local.to_owned() }
    }

    /// Whether it is this name of WebDAV's own.
    pub(super) fn is_dav(&self, local: &str) -> bool {
        self.space == DAV && self.local == local
    }
}

/// An element with all that is in it. Not deeper than [`DEEPEST`], so it may be walked by recursion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) name: Name,
    attributes: Vec<(Name, String)>,
    content: Vec<Content>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Element(Element),
    Text(String),
}

/// Why a body is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum XmlError {
    /// It is no XML, or its namespaces do not hold (RFC 4918 §17).
    #[error("the body is not well-formed XML")]
    Malformed,
    /// It has a document type or entities of its own.
    #[error("document types and entities are not taken")]
    Entities,
    /// Deeper or longer than any client sends.
    #[error("the body is larger than any client needs")]
    TooMuch,
}

/// Reads a whole document.
pub(super) fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    if bytes.len() > MOST_BYTES {
        return Err(XmlError::TooMuch);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| XmlError::Malformed)?;
    let mut reader = NsReader::from_str(text.trim_start_matches('\u{feff}'));
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    loop {
        match reader.read_event().map_err(|_| XmlError::Malformed)? {
            Event::Start(start) => tree.open(&start, reader.resolver())?,
            Event::Empty(start) => {
                tree.open(&start, reader.resolver())?;
                tree.close()?;
            }
            Event::End(_) => tree.close()?,
            Event::Text(text) => tree.text(&text.xml10_content())?,
            Event::CData(text) => tree.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => {
                let c = match reference.resolve_char_ref() {
                    Ok(Some(c)) if is_char(c) => c,
                    Ok(None) => predefined(&reference).ok_or(XmlError::Entities)?,
                    _ => return Err(XmlError::Malformed),
                };
                tree.text(c.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(XmlError::Entities),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            Event::Eof => return tree.whole(),
        }
    }
}

/// The five that every document has (XML 1.0 §4.6).
fn predefined(name: &str) -> Option<char> {
    Some(match name {
        "lt" => '<',
        "gt" => '>',
        "amp" => '&',
        "apos" => '\'',
        "quot" => '"',
        _ => return None,
    })
}

/// XML 1.0 §2.2.
fn is_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r') || (c >= ' ' && !matches!(c, '\u{fffe}' | '\u{ffff}'))
}

/// What has been read so far.
#[derive(Default)]
struct Tree {
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
    attributes: usize,
}

impl Tree {
    fn open(&mut self, start: &BytesStart<'_>, names: &NamespaceResolver) -> Result<(), XmlError> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS || self.open.len() >= DEEPEST {
            return Err(XmlError::TooMuch);
        }
        if self.root.is_some() {
            return Err(XmlError::Malformed);
        }
        let (space, local) = names.resolve_element(start.name());
        let name = name(&space, local.as_ref())?;
        // Both are bound for ever, and no element can say that it is in them.
        if matches!(name.space.as_str(), XML | XMLNS) {
            return Err(XmlError::Malformed);
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| XmlError::Malformed)?;
            self.attributes += 1;
            if self.attributes > MOST_ATTRIBUTES {
                return Err(XmlError::TooMuch);
            }
            match attribute.key.as_namespace_binding() {
                // A prefix cannot be bound to nothing (Namespaces in XML 1.0 §2.2).
                Some(PrefixDeclaration::Named(_)) if attribute.value.is_empty() => {
                    return Err(XmlError::Malformed);
                }
                Some(_) => continue,
                None => {}
            }
            let (space, local) = names.resolve_attribute(attribute.key);
            let value =
                attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| XmlError::Entities)?;
            if !value.chars().all(is_char) {
                return Err(XmlError::Malformed);
            }
            attributes.push((self::name(&space, local.as_ref())?, value.into_owned()));
        }
        self.open.push(Element { name, attributes, content: Vec::new() });
        Ok(())
    }

    fn close(&mut self) -> Result<(), XmlError> {
        let element = self.open.pop().ok_or(XmlError::Malformed)?;
        match self.open.last_mut() {
            Some(parent) => parent.content.push(Content::Element(element)),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        if !text.chars().all(is_char) {
            return Err(XmlError::Malformed);
        }
        let Some(element) = self.open.last_mut() else {
            let blank = text.chars().all(|c| matches!(c, ' ' | '\t' | '\r' | '\n'));
            return if blank { Ok(()) } else { Err(XmlError::Malformed) };
        };
        match element.content.last_mut() {
            Some(Content::Text(before)) => before.push_str(text),
            _ => element.content.push(Content::Text(text.to_owned())),
        }
        Ok(())
    }

    fn whole(self) -> Result<Element, XmlError> {
        if self.open.is_empty() { self.root.ok_or(XmlError::Malformed) } else { Err(XmlError::Malformed) }
    }
}

fn name(space: &ResolveResult<'_>, local: &str) -> Result<Name, XmlError> {
    let space = match space {
        ResolveResult::Bound(space) => space.0,
        ResolveResult::Unbound => "",
        ResolveResult::Unknown(_) => return Err(XmlError::Malformed),
    };
    // The resolver gives it as it stands there.
    let space = unescape(space).map_err(|_| XmlError::Entities)?;
    if !space.chars().all(is_char) || !is_name(local) {
        return Err(XmlError::Malformed);
    }
    Ok(Name::new(&space, local))
}

/// Whether it can be written as a name again (XML names §3, without the exotic ranges being told apart).
fn is_name(local: &str) -> bool {
    let starts = |c: char| c.is_ascii_alphabetic() || c == '_' || !c.is_ascii();
    local.starts_with(starts)
        && local.chars().all(|c| starts(c) || c.is_ascii_digit() || matches!(c, '-' | '.'))
        && local.chars().all(|c| is_char(c) && !c.is_whitespace() && !c.is_control())
}

impl Element {
    /// The elements in it.
    pub(super) fn elements(&self) -> impl Iterator<Item = &Self> {
        self.content.iter().filter_map(|content| match content {
            Content::Element(element) => Some(element),
            Content::Text(_) => None,
        })
    }

    /// The first of WebDAV's own with this name.
    pub(super) fn dav(&self, local: &str) -> Option<&Self> {
        self.elements().find(|element| element.name.is_dav(local))
    }

    /// Its text, without that of elements in it.
    pub(super) fn text(&self) -> String {
        let texts = self.content.iter().filter_map(|content| match content {
            Content::Text(text) => Some(text.as_str()),
            Content::Element(_) => None,
        });
        texts.collect()
    }

    /// Writes it so that it means the same wherever it is put: every element says its own namespace.
    pub(super) fn write(&self, out: &mut String) {
        let tag = &self.name.local;
        out.push('<');
        out.push_str(tag);
        write_attribute(out, "xmlns", &self.name.space);
        for (number, (name, value)) in self.attributes.iter().enumerate() {
            match name.space.as_str() {
                "" => write_attribute(out, &name.local, value),
                XML => write_attribute(out, &format!("xml:{}", name.local), value),
                space => {
                    write_attribute(out, &format!("xmlns:a{number}"), space);
                    write_attribute(out, &format!("a{number}:{}", name.local), value);
                }
            }
        }
        if self.content.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for content in &self.content {
            match content {
                Content::Element(element) => element.write(out),
                Content::Text(text) => escape(out, text),
            }
        }
        let _ = write!(out, "</{tag}>"); // writing to a string does not fail
    }
}

fn write_attribute(out: &mut String, name: &str, value: &str) {
    let _ = write!(out, " {name}=\""); // writing to a string does not fail
    escape(out, value);
    out.push('"');
}

/// An element with nothing in it, which says its own namespace.
pub(super) fn write_empty(out: &mut String, name: &Name) {
    out.push('<');
    out.push_str(&name.local);
    write_attribute(out, "xmlns", &name.space);
    out.push_str("/>");
}

/// Text as it may stand in content and in attributes alike. Characters that XML cannot hold become U+FFFD.
pub(super) fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' => out.push_str("&#10;"),
            '\t' => out.push_str("&#9;"),
            c if is_char(c) => out.push(c),
            _ => out.push('\u{fffd}'),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(element: &Element) -> String {
        let mut out = String::new();
        element.write(&mut out);
        out
    }

    #[test]
    fn a_namespace_means_the_same_when_it_is_written_again() {
        let element = parse(b"<t xmlns='a&gt;b&amp;c'/>").unwrap();
        assert_eq!(element.name, Name::new("a>b&c", "t"));
        let mut written = String::new();
        element.write(&mut written);
        assert_eq!(parse(written.as_bytes()).unwrap(), element, "{written}");
    }

    #[test]
    fn what_clients_send_is_read() {
        let body = "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- hello -->\
            <D:propfind xmlns:D=\"DAV:\" xmlns='urn:x'><D:prop><D:getetag/><size xml:lang=\"de\">a &amp; b&#x41;\
            <![CDATA[<c>]]></size></D:prop></D:propfind>\n";
        let root = parse(body.as_bytes()).unwrap();
        assert!(root.name.is_dav("propfind"));
        let names: Vec<_> = root.dav("prop").unwrap().elements().map(|e| e.name.clone()).collect();
        assert_eq!(names, [Name::new(DAV, "getetag"), Name::new("urn:x", "size")]);
        let size = root.dav("prop").unwrap().elements().nth(1).unwrap();
        assert_eq!(size.text(), "a & bA<c>");
        assert_eq!(written(size), "<size xmlns=\"urn:x\" xml:lang=\"de\">a &amp; bA&lt;c&gt;</size>");
    }

    #[test]
    fn what_is_no_small_document_is_refused() {
        use XmlError::{Entities, Malformed, TooMuch};
        let deep = |depth| format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth));
        let lol = "<!DOCTYPE l [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><l>&b;</l>";
        let outside = "<!DOCTYPE l [<!ENTITY a SYSTEM \"file:///etc/passwd\">]><l>&a;</l>";
        let attributes: String = (0..2_001).map(|n| format!(" a{n}=''")).collect();
        for (body, error) in [
            (lol.to_owned(), Entities),
            (outside.to_owned(), Entities),
            ("<a>&unknown;</a>".to_owned(), Entities),
            ("<a b='&unknown;'/>".to_owned(), Entities),
            (deep(33), TooMuch),
            (deep(9_000), TooMuch),
            ("<a>".repeat(20_000), TooMuch),
            (format!("<a>{}</a>", "<b/>".repeat(2_000)), TooMuch),
            (format!("<a{attributes}/>"), TooMuch),
            ("x".repeat(MOST_BYTES + 1), TooMuch),
            (String::new(), Malformed),
            ("<a>".to_owned(), Malformed),
            ("<a></b>".to_owned(), Malformed),
            ("<a/><b/>".to_owned(), Malformed),
            ("text".to_owned(), Malformed),
            ("<a/>text".to_owned(), Malformed),
            ("<x:a/>".to_owned(), Malformed),
            ("<a x:b=''/>".to_owned(), Malformed),
            ("<a xmlns:x=''/>".to_owned(), Malformed),
            ("<a>&#0;</a>".to_owned(), Malformed),
            ("<a>\u{1}</a>".to_owned(), Malformed),
            ("<a>&#xfffe;</a>".to_owned(), Malformed),
            ("<a b='' b=''/>".to_owned(), Malformed),
            ("<xml:a/>".to_owned(), Malformed),
        ] {
            let shown: String = body.chars().take(60).collect();
            assert_eq!(parse(body.as_bytes()).map(|_| ()), Err(error), "{shown}");
        }
        assert!(parse(deep(32).as_bytes()).is_ok());
        assert_eq!(parse(b"<a>\xff</a>").map(|_| ()), Err(Malformed), "not UTF-8");
    }

    #[test]
    fn what_is_written_down_means_the_same_elsewhere() {
        let body = "<t:a xmlns:t='http://x/' xmlns='http://y/' t:q='1' r=\"&quot;\"><b/><t:c xmlns:t='urn:z'>&lt;</t:c>\n</t:a>";
        let element = parse(body.as_bytes()).unwrap();
        let again = parse(format!("<outer xmlns='other'>{}</outer>", written(&element)).as_bytes()).unwrap();
        assert_eq!(again.elements().next().unwrap(), &element);
    }

    proptest! {
        #[test]
        fn whatever_is_read_is_written_and_read_the_same(text in "(<[ab]( x=\"[a&;]{0,4}\")?/?>|</[ab]>|&lt;|&#65;|[ -~\u{e4}]{0,5}){0,12}") {
            if let Ok(element) = parse(text.as_bytes()) {
                prop_assert_eq!(parse(written(&element).as_bytes()).unwrap(), element);
            }
        }

        #[test]
        fn no_text_breaks_out(text in "\\PC{0,20}|[\u{0}-\u{20}<>&\"']{0,20}") {
            let mut out = String::from("<a>");
            escape(&mut out, &text);
            out.push_str("</a>");
            let read = parse(out.as_bytes()).unwrap();
            prop_assert_eq!(read.text().chars().count(), text.chars().count());
        }
    }
}
