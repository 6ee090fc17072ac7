//! `lanyard home`, `pair`, `unpair`, `connect` and `wake`.

mod code;

use crate::{
    Failure,
    args::{At, HomeAction, YesNo},
    ask::{self, Asked},
    show::{self, table::Table},
};
use lanyard_api::{DeviceState, HomeState, Os, Purpose, Request, Response, Role};

pub(crate) async fn home(node: &Asked, action: Option<HomeAction>, json: bool) -> Result<(), Failure> {
    match action.unwrap_or(HomeAction::Members) {
        HomeAction::Create { name } => create(node, name, json).await,
        HomeAction::Invite { code: Some(code), keeper, at, .. } => {
            let before = state(node).await?;
            let after = type_code(node, code, Purpose::AddDevice, at).await?;
            let after = match newcomer(&before, &after).filter(|_| keeper) {
                Some(device) => ask_home(node, Request::SetRole { device, role: Role::Keeper }).await?,
                None => after,
            };
            show::show(json, &after, members)
        }
        HomeAction::Invite { code: None, keeper, confirm, .. } => {
            let role = if keeper { Role::Keeper } else { Role::Member };
            code::show(node, Purpose::AddDevice, role, confirm, json).await
        }
        HomeAction::Join { code: Some(code), at } => {
            let joined = type_code(node, code, Purpose::JoinHome, at).await?;
            show::show(json, &joined, members)
        }
        HomeAction::Join { code: None, .. } => {
            code::show(node, Purpose::JoinHome, Role::Member, false, json).await
        }
        HomeAction::Answer { answer } => {
            done(node, Request::AnswerInvite { accept: answer == YesNo::Yes }, "Answered.\n", json).await
        }
        HomeAction::Members => change(node, Request::Home, json).await,
        HomeAction::Remove { device } => change(node, Request::RemoveMember { device }, json).await,
        HomeAction::Role { device, role } => {
            change(node, Request::SetRole { device, role: role.into() }, json).await
        }
        HomeAction::Rename { name } => change(node, Request::RenameHome { name }, json).await,
        HomeAction::Leave => change(node, Request::LeaveHome, json).await,
        HomeAction::Recovery { code, remove } => {
            change(node, Request::Recover { code: code.concat(), remove }, json).await
        }
    }
}

pub(crate) async fn pair(node: &Asked, code: Option<String>, at: At, json: bool) -> Result<(), Failure> {
    match code {
        Some(code) => {
            let connected = type_code(node, code, Purpose::Pair, at).await?;
            show::show(json, &connected, members)
        }
        None => code::show(node, Purpose::Pair, Role::Member, false, json).await,
    }
}

/// Asks for something that is answered with the home, and shows it.
pub(crate) async fn change(node: &Asked, request: Request, json: bool) -> Result<(), Failure> {
    show::show(json, &ask_home(node, request).await?, members)
}

pub(crate) async fn connect(node: &Asked, address: String, json: bool) -> Result<(), Failure> {
    let Response::Device(device) = node.ask(Request::Connect { address }).await? else {
        return Err(ask::odd());
    };
    show::show(json, &device, |device| {
        format!("Reached {} ({}).\n", show::clean(&device.name), device.check_words)
    })
}

pub(crate) async fn wake(node: &Asked, device: String, json: bool) -> Result<(), Failure> {
    let text = "It was called. A computer takes some seconds to wake, and not every one can.\n";
    done(node, Request::Wake { device }, text, json).await
}

async fn done(node: &Asked, request: Request, text: &str, json: bool) -> Result<(), Failure> {
    let Response::Done = node.ask(request).await? else { return Err(ask::odd()) };
    show::show(json, &serde_json::json!({ "done": true }), |_| text.to_owned())
}

async fn create(node: &Asked, name: String, json: bool) -> Result<(), Failure> {
    let Response::Founded(founded) = node.ask(Request::CreateHome { name }).await? else {
        return Err(ask::odd());
    };
    show::show(json, &founded, |founded| {
        format!(
            "{}\nRecovery code, shown this once:\n\n    {}\n\nWrite it down and keep it away from this computer. With \
             it the home can be managed again when\nthe computers that keep it are lost. Let others in with: lanyard \
             home invite\n",
            members(&founded.state),
            founded.recovery
        )
    })
}

async fn type_code(node: &Asked, code: String, purpose: Purpose, at: At) -> Result<HomeState, Failure> {
    tokio::select! {
        state = ask_home(node, Request::TypeCode { code, purpose, address: at.address }) => state,
        asked = tokio::signal::ctrl_c() => {
            asked?;
            node.ask(Request::CloseInvite).await?;
            Err(Failure::said("Stopped before the other device had answered."))
        }
    }
}

async fn state(node: &Asked) -> Result<HomeState, Failure> {
    ask_home(node, Request::Home).await
}

async fn ask_home(node: &Asked, request: Request) -> Result<HomeState, Failure> {
    match node.ask(request).await? {
        Response::Home(home) => Ok(home),
        _ => Err(ask::odd()),
    }
}

/// The member that was not there before.
fn newcomer(before: &HomeState, after: &HomeState) -> Option<String> {
    let ids = |state: &HomeState| -> Vec<String> {
        state.home.iter().flat_map(|home| &home.members).map(|member| member.id.clone()).collect()
    };
    let before = ids(before);
    ids(after).into_iter().find(|id| !before.contains(id))
}

/// The home and its members, and devices that are connected without one.
pub(crate) fn members(state: &HomeState) -> String {
    let mut text = String::new();
    match &state.home {
        None => text.push_str(
            "This computer is in no home. Start one: lanyard home create NAME. Or join one: lanyard home join CODE\n",
        ),
        Some(home) => {
            let count = home.members.len();
            let devices = if count == 1 { "device" } else { "devices" };
            text.push_str(&format!("{} ({count} {devices})\n\n", show::clean(&home.name)));
            let mut table = Table::new(&["DEVICE", "RUNS", "MAY", "STATE", "CHECK WORDS", ""]);
            for member in &home.members {
                table.row([
                    member.name.clone(),
                    os(member.os).to_owned(),
                    role(member.role).to_owned(),
                    state_word(member.state).to_owned(),
                    member.check_words.clone(),
                    if member.this_device { "this computer" } else { "" }.to_owned(),
                ]);
            }
            text.push_str(&table.text());
        }
    }
    if !state.paired.is_empty() {
        let mut table = Table::new(&["CONNECTED WITHOUT A HOME", "STATE"]);
        for paired in &state.paired {
            table.row([paired.name.clone(), state_word(paired.state).to_owned()]);
        }
        text.push_str(&format!("\n{}", table.text()));
    }
    text
}

const fn os(os: Os) -> &'static str {
    match os {
        Os::Linux => "Linux",
        Os::Macos => "macOS",
        Os::Windows => "Windows",
        Os::Other => "",
    }
}

const fn role(role: Role) -> &'static str {
    match role {
        Role::Member => "use it",
        Role::Keeper => "manage it",
    }
}

const fn state_word(state: DeviceState) -> &'static str {
    match state {
        DeviceState::Online => "online",
        DeviceState::Unreachable => "away",
    }
}
