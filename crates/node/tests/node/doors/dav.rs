//! The door for file managers without Lanyard.

use super::{Case, Door, OtherGuest, Outcome, Person, Wish, World};
use crate::phone::Phone;
use futures_util::{FutureExt, future::BoxFuture};
use lanyard_api::{PassAction, Request as Ask};
use uuid::Uuid;

/// Guests and clients without Lanyard at our folders: WebDAV over TLS. A guest's password is the secret of the link.
pub(super) struct StandardFolders;

impl Door for StandardFolders {
    fn name(&self) -> &'static str {
        "folders, for clients without Lanyard"
    }

    fn try_action<'a>(&'a self, world: &'a World, case: &'a Case) -> BoxFuture<'a, Option<Outcome>> {
        async move {
            if case.wish == Wish::Print || !matches!(case.who, Person::Guest | Person::Plain) {
                return None;
            }
            // The door is open as long as anybody may come through it.
            let other = OtherGuest::of(world).await;
            let client = Phone::of(&other.pass);
            let mut password = None;
            let mut ended = None;
            if case.who == Person::Guest {
                let pass = world.pass(&world.drive, PassAction::Read).await;
                world.regrant_to(&pass, &world.drive, case).await;
                password = Some(pass.link.split_once('#').unwrap().1.to_owned());
                ended = Some(pass.pass.id);
            }
            let ask = async |method: &str, path: &str, body: &'static str| {
                let uri = format!("/dav/{}/{path}", world.drive);
                let mut request = client.request(method.parse().unwrap(), &uri).header("depth", "1");
                if let Some(password) = &password {
                    let text = data_encoding::BASE64.encode(format!("guest:{password}").as_bytes());
                    request = request.header("authorization", format!("Basic {text}"));
                }
                client.send(request.body(http_body_util::Full::from(body)).unwrap()).await
            };
            let outcome = |answer: &crate::phone::Answer| match answer.status.as_u16() {
                200..=299 => Outcome::Yes,
                401 | 404 => Outcome::Hidden,
                // Those whose pass has ended with its rule give wrong passwords, too often in the end.
                429 if answer.header("retry-after") == "60" => Outcome::Hidden,
                403 => Outcome::Asks,
                405 => Outcome::No,
                429 => Outcome::Spent,
                other => panic!("{other}"),
            };
            let outcome = if case.wish == Wish::Write {
                let name = Uuid::new_v4().simple().to_string();
                let outcome = outcome(&ask("PUT", &name, "Hello").await);
                let written = world.folder.path().join(name).exists();
                assert_eq!(written, outcome == Outcome::Yes, "{}: what is refused is not written", case.name);
                outcome
            } else {
                let (list, letter) = (ask("PROPFIND", "", "").await, ask("GET", "letter.txt", "").await);
                let (first, second) = (outcome(&list), outcome(&letter));
                assert_eq!(first, second, "{}", case.name);
                let told = list.text() + &letter.text();
                let leaks = told.contains("letter") || told.contains("Dear");
                assert_eq!(leaks, first == Outcome::Yes, "{}: {told}", case.name);
                first
            };
            if let Some(pass) = ended {
                // It may have ended already, with its rule.
                let _ = world.node.handle(Ask::EndPass { pass }).await;
            }
            other.leave(world).await;
            Some(outcome)
        }
        .boxed()
    }
}
