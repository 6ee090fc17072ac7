//! Showing a code in the terminal and following it to its end.

use crate::{
    Failure,
    ask::{self, Asked},
    show,
};
use lanyard_api::{Change, Invite, InviteState, Purpose, Request, Response, Role};
use std::io::{self, IsTerminal};
use tokio::{signal, sync::mpsc};

/// Shows a code until it has done what it is for, or has ended otherwise; then the command fails. Ctrl-C ends it.
pub(super) async fn show(
    node: &Asked,
    purpose: Purpose,
    role: Role,
    confirm: bool,
    json: bool,
) -> Result<(), Failure> {
    let mut events = node.events().await?;
    let Response::Invite(mut invite) = node.ask(Request::OpenInvite { purpose, role, confirm }).await? else {
        return Err(ask::odd());
    };
    show::show(json, &invite, text)?;
    let code = invite.code.clone();
    let mut heard = false;
    let mut keyboard = (!json && io::stdin().is_terminal()).then(keyboard);
    loop {
        match invite.state {
            InviteState::Open | InviteState::Asking => {}
            InviteState::Used => {
                let who = invite.device.as_ref().map(|device| show::clean(&device.name)).unwrap_or_default();
                return if json { Ok(()) } else { show::print(&format!("✓ {who}\n")) };
            }
            InviteState::Expired => return Err(Failure::said("The ten minutes are over. Make a new code.")),
            InviteState::Burned => {
                return Err(Failure::said("Someone tried a wrong code three times. Make a new one."));
            }
            InviteState::Closed => return Err(Failure::said("The code is shown no longer.")),
        }
        tokio::select! {
            event = events.recv() => {
                let Some(event) = event else { return Err(Failure::said("Lanyard has stopped.")) };
                let newer = match event.change {
                    Change::Home(home) => home.invite,
                    Change::Snapshot(snapshot) => snapshot.home.invite,
                    _ => continue,
                };
                let Some(newer) = newer.filter(|newer| newer.code == code) else {
                    // What was told before this code was made is still on its way.
                    if heard {
                        return Err(Failure::said("Another code is shown now."));
                    }
                    continue;
                };
                heard = true;
                if newer == invite {
                    continue;
                }
                if json {
                    show::show(true, &newer, |_| String::new())?;
                } else if newer.state == InviteState::Asking && invite.state != InviteState::Asking {
                    let who = newer.device.as_ref().map(|device| show::clean(&device.name)).unwrap_or_default();
                    show::print(&format!("Let “{who}” in? yes or no (or: lanyard home answer yes|no)\n"))?;
                } else if newer.failed > invite.failed {
                    show::print(&format!("A wrong code was tried ({} of 3).\n", newer.failed))?;
                }
                invite = newer;
            }
            line = next_line(&mut keyboard) => {
                let accept = match line.trim() {
                    "y" | "yes" | "j" | "ja" => true,
                    "n" | "no" | "nein" => false,
                    _ => continue,
                };
                if invite.state == InviteState::Asking {
                    node.ask(Request::AnswerInvite { accept }).await?;
                }
            }
            asked = signal::ctrl_c() => {
                asked?;
                node.ask(Request::CloseInvite).await?;
                return Err(Failure::said("The code is shown no longer."));
            }
        }
    }
}

/// Lines that a person types. The thread ends with the process: there is no way to wake it from its read.
fn keyboard() -> mpsc::Receiver<String> {
    let (sender, lines) = mpsc::channel(4);
    std::thread::spawn(move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

async fn next_line(keyboard: &mut Option<mpsc::Receiver<String>>) -> String {
    if let Some(lines) = keyboard
        && let Some(line) = lines.recv().await
    {
        return line;
    }
    // Nobody types: whoever waits for that waits for something else.
    *keyboard = None;
    std::future::pending().await
}

fn text(invite: &Invite) -> String {
    let what = match invite.purpose {
        Purpose::AddDevice => "On the device that comes in: lanyard home join",
        Purpose::JoinHome => "On a device of the home: lanyard home invite",
        Purpose::Pair => "On the other device: lanyard pair",
    };
    format!(
        "{}\n    {}\n\n{what} {}\nor scan the picture, or paste the link:\n{}\n\nIt is good once, for ten minutes. Ctrl-C \
         ends it.\n",
        show::qr::picture(&invite.qr),
        invite.code,
        invite.code,
        invite.link
    )
}
