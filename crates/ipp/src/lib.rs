//! Messages of the Internet Printing Protocol as bytes and as values (RFC 8010, RFC 8011 §4).
//!
//! Strangers send these, so [`Scanner`] finds the end of a message that is still arriving and refuses what exceeds
//! its [`Limits`] before anything is built from it, and [`Message::decode`] uses no recursion. Pure: no I/O, no
//! time. What operations and attributes mean is left to those who offer printers and those who use them.

mod code;
mod decode;
mod encode;
mod message;
mod value;

pub use code::{Operation, Status, is_success};
pub use decode::{DecodeError, Header, Limits, Scanner};
pub use message::{Attribute, Group, GroupTag, Message, Version};
pub use value::{DateTime, Resolution, ResolutionUnit, Value};
