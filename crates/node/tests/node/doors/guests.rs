//! The page for guests with a browser.

use super::{Case, Door, OtherGuest, Outcome, Person, Wish, World};
use crate::phone::{Part, Phone};
use futures_util::{FutureExt, future::BoxFuture};
use lanyard_api::{PassAction, Request as Ask};

/// Guests with a browser. A pass brings its own rule, so the case's rules are made anew with the pass in the place of
/// the one they name.
pub(super) struct GuestPage;

impl Door for GuestPage {
    fn name(&self) -> &'static str {
        "the guests' page"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.who != Person::Guest {
                return None;
            }
            let (share, action) = match case.wish {
                Wish::Print => (&world.printer, PassAction::Print),
                Wish::Read | Wish::Write => (&world.drive, PassAction::Read),
            };
            // With the last pass the door itself is shut, which is no answer.
            let other = OtherGuest::of(world).await;
            let pass = world.pass(share, action).await;
            let phone = Phone::by_link(&pass).await;
            world.regrant_to(&pass, share, case).await;
            let file = [Part::File("hello.txt", b"Hello")];
            let outcome = match case.wish {
                Wish::Print => {
                    let answer = phone.form("/g/print", &file).await;
                    if answer.at().starts_with("/g/job/") { Outcome::Yes } else { Outcome::Hidden }
                }
                Wish::Read | Wish::Write => {
                    let list = phone.get("/g/list").await;
                    let letter = phone.get("/g/file?path=letter.txt").await;
                    assert_eq!(list.status, letter.status, "{}", case.name);
                    let told = list.text() + &letter.text();
                    let may = list.status.is_success();
                    assert_eq!(
                        told.contains("letter") || told.contains("Dear"),
                        may,
                        "{}: {told}",
                        case.name
                    );
                    let written = phone.form("/g/upload", &file).await;
                    assert!(!written.status.is_success() && !world.folder.path().join("hello.txt").exists());
                    match (may, case.wish) {
                        (true, Wish::Read) => Outcome::Yes,
                        (true, _) => Outcome::No,
                        (false, _) => Outcome::Hidden,
                    }
                }
            };
            // It may have ended already, with its rule.
            let _ = world.node.handle(Ask::EndPass { pass: pass.pass.id.clone() }).await;
            other.leave(world).await;
            Some(outcome)
        }
        .boxed()
    }
}
