//! Homes: two and more real nodes on the loopback interface that join by a code, stay together and part.

use crate::{config, start, status};
use lanyard_api::{
    ApiError, Device, DeviceState, ErrorCode, Founded, HomeState, Invite, InviteState, Purpose, Relation,
    Request, Response, Role,
};
use lanyard_node::{Config, Node};
use std::{
    future::Future,
    time::{Duration, Instant},
};

/// A node and where its data is.
struct One {
    node: Node,
    data: tempfile::TempDir,
}

impl One {
    async fn called(name: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let node = Node::start(Config { name: Some(name.into()), ..config(data.path()) }).await.unwrap();
        Self { node, data }
    }

    async fn ask(&self, request: Request) -> Result<Response, ApiError> {
        self.node.handle(request).await
    }

    async fn home(&self) -> HomeState {
        home(self.ask(Request::Home).await.unwrap())
    }

    async fn create(&self, name: &str) -> Founded {
        match self.ask(Request::CreateHome { name: name.into() }).await.unwrap() {
            Response::Founded(founded) => founded,
            other => panic!("{other:?}"),
        }
    }

    async fn show(&self, purpose: Purpose) -> Invite {
        self.try_to_show(purpose, false).await.unwrap()
    }

    /// A code whose first two digits only this device announces, as far as `other` hears.
    async fn show_unlike_others(&self, other: &Self) -> Invite {
        loop {
            let invite = self.show(Purpose::AddDevice).await;
            let digits = &invite.code[..2];
            until("the window is heard", || async { heard(other).await.iter().any(|one| one == digits) })
                .await;
            if heard(other).await.iter().filter(|one| *one == digits).count() == 1 {
                return invite;
            }
            self.ask(Request::CloseInvite).await.unwrap();
        }
    }

    async fn try_to_show(&self, purpose: Purpose, confirm: bool) -> Result<Invite, ApiError> {
        let request = Request::OpenInvite { purpose, role: Role::Member, confirm };
        match self.ask(request).await? {
            Response::Invite(invite) => Ok(invite),
            other => panic!("{other:?}"),
        }
    }

    async fn enter(&self, code: &str, purpose: Purpose) -> Result<HomeState, ApiError> {
        let request = Request::TypeCode { code: code.into(), purpose, address: None };
        self.ask(request).await.map(home)
    }

    /// At a device of which the address is known. Without it a code is tried where its first two digits are announced,
    /// and by chance those of another test's device are the same.
    async fn enter_at(&self, shows: &Self, code: &str, purpose: Purpose) -> Result<HomeState, ApiError> {
        let address = format!("127.0.0.1:{}", status(&shows.node).await.port);
        let request = Request::TypeCode { code: code.into(), purpose, address: Some(address) };
        self.ask(request).await.map(home)
    }

    async fn id(&self) -> String {
        status(&self.node).await.id
    }

    async fn device(&self, id: &str) -> Option<Device> {
        match self.ask(Request::Nearby).await.unwrap() {
            Response::Nearby(nearby) => nearby.devices.into_iter().find(|device| device.id == id),
            other => panic!("{other:?}"),
        }
    }

    async fn again(self) -> Self {
        self.node.stop().await;
        Self { node: start(self.data.path()).await, data: self.data }
    }
}

fn home(response: Response) -> HomeState {
    match response {
        Response::Home(home) => home,
        other => panic!("{other:?}"),
    }
}

fn members(home: &HomeState) -> Vec<&str> {
    let mut names: Vec<&str> =
        home.home.iter().flat_map(|home| &home.members).map(|member| member.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// The first two digits of every code that a device hears of.
async fn heard(one: &One) -> Vec<String> {
    one.home().await.windows.into_iter().map(|window| window.discriminator).collect()
}

async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) -> Duration {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    begun.elapsed()
}

/// Anna's home with Ben in it.
async fn anna_and_ben() -> (One, One, Founded) {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    let founded = anna.create("Oak Street").await;
    let invite = anna.show(Purpose::AddDevice).await;
    ben.enter_at(&anna, &invite.code, Purpose::JoinHome).await.unwrap();
    (anna, ben, founded)
}

/// Waits until both see each other answer.
async fn see_each_other(a: &One, b: &One) {
    let (a_id, b_id) = (a.id().await, b.id().await);
    until("they see each other", || async {
        let online = |device: Option<Device>| {
            device.is_some_and(|d| d.state == DeviceState::Online && d.relation == Relation::Home)
        };
        online(a.device(&b_id).await) && online(b.device(&a_id).await)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_comes_in_by_a_code_typed_on_it() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    let founded = anna.create(" Oak\u{202e} Street ").await;
    assert_eq!(founded.recovery.len(), 34, "{}", founded.recovery);
    let own = founded.state.home.unwrap();
    assert_eq!((own.name.as_str(), own.role), ("Oak Street", Role::Keeper));
    assert_eq!(own.members[0].name, "Anna", "not called like the home");
    assert_eq!(own.members[0].check_signs.len(), 6);

    let invite = anna.show_unlike_others(&ben).await;
    assert!(invite.qr.len() >= 21 && invite.qr.iter().all(|row| row.len() == invite.qr.len()));
    let begun = Instant::now();
    let joined = ben.enter(&invite.code, Purpose::JoinHome).await.unwrap();
    println!("joined {:?} after the last digit", begun.elapsed());
    assert_eq!(members(&joined), ["Anna", "Ben"]);
    assert_eq!(joined.home.as_ref().unwrap().role, Role::Member);
    assert_eq!(joined.home.unwrap().id, own.id);
    until("the code is used", || async { anna.home().await.invite.unwrap().state == InviteState::Used })
        .await;
    let shown = anna.home().await;
    assert_eq!(members(&shown), ["Anna", "Ben"]);
    let invite = shown.invite.unwrap();
    assert_eq!(invite.failed, 0);
    assert_eq!(invite.device.unwrap().name, "Ben");
    see_each_other(&anna, &ben).await;
    println!("they see each other {:?} after the last digit", begun.elapsed());

    let shown = heard(&ben).await;
    let nobodys =
        (0..100).map(|number| format!("{number:02}")).find(|digits| !shown.contains(digits)).unwrap();
    let error = ben.enter(&format!("{nobodys}-222-333"), Purpose::JoinHome).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InHome, "{error}");
    let error = ben.ask(Request::CreateHome { name: "Mine".into() }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::InHome, "{error}");
    assert_eq!(ben.try_to_show(Purpose::AddDevice, false).await.unwrap_err().code, ErrorCode::NotKeeper);

    let (anna, ben) = (anna.again().await, ben.again().await);
    assert_eq!(members(&anna.home().await), ["Anna", "Ben"], "after a restart");
    see_each_other(&anna, &ben).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_comes_in_by_a_code_that_it_shows_itself() {
    let (anna, pi) = (One::called("Anna").await, One::called("Kitchen Pi").await);
    anna.create("Oak Street").await;
    assert_eq!(pi.try_to_show(Purpose::AddDevice, false).await.unwrap_err().code, ErrorCode::NoHome);
    let invite = pi.show(Purpose::JoinHome).await;
    let state = anna.enter_at(&pi, &invite.code, Purpose::AddDevice).await.unwrap();
    assert_eq!(members(&state), ["Anna", "Kitchen Pi"]);
    until("the shown code is used", || async {
        pi.home().await.invite.is_some_and(|invite| invite.state == InviteState::Used)
    })
    .await;
    assert_eq!(members(&pi.home().await), ["Anna", "Kitchen Pi"]);
    see_each_other(&anna, &pi).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_does_what_the_code_does() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    anna.create("Oak Street").await;
    let invite = anna.show(Purpose::AddDevice).await;
    let joined = ben.enter(&invite.link, Purpose::JoinHome).await.unwrap();
    assert_eq!(members(&joined), ["Anna", "Ben"]);
    let error = One::called("Carl").await.enter(&invite.link, Purpose::JoinHome).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::PeerUnreachable, "it is good once: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_wrong_codes_end_it_and_the_right_one_comes_too_late() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    anna.create("Oak Street").await;
    let invite = anna.show(Purpose::AddDevice).await;
    until("the window is heard", || async { !ben.home().await.windows.is_empty() }).await;
    let digits = &invite.code[..2];
    for (guess, failed) in [("111-112", 1), ("111-113", 2), ("111-114", 3)] {
        let guess = format!("{digits}-{guess}");
        let error = ben.enter_at(&anna, &guess, Purpose::JoinHome).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::WrongCode, "{error}");
        until("the try is counted", || async { anna.home().await.invite.unwrap().failed == failed }).await;
    }
    until("it is over", || async { anna.home().await.invite.unwrap().state == InviteState::Burned }).await;
    let error = ben.enter_at(&anna, &invite.code, Purpose::JoinHome).await.unwrap_err();
    assert!([ErrorCode::WrongCode, ErrorCode::PeerUnreachable].contains(&error.code), "{error}");
    assert_eq!(members(&anna.home().await), ["Anna"]);
    assert!(ben.home().await.home.is_none());
    for typed in ["", "12", "12-345-6789", "ABCD"] {
        let error = ben.enter(typed, Purpose::JoinHome).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Invalid, "{typed}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_says_yes_or_no_before_a_device_comes_in() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    anna.create("Oak Street").await;
    for accept in [false, true] {
        let invite = anna.try_to_show(Purpose::AddDevice, true).await.unwrap();
        let typing = ben.enter_at(&anna, &invite.code, Purpose::JoinHome);
        let answering = async {
            until("a person is asked", || async {
                let invite = anna.home().await.invite.unwrap();
                invite.state == InviteState::Asking
                    && invite.device.is_some_and(|device| device.name == "Ben")
            })
            .await;
            anna.ask(Request::AnswerInvite { accept }).await.unwrap();
        };
        let (typed, ()) = tokio::join!(typing, answering);
        match typed {
            Ok(state) => assert!(accept && members(&state) == ["Anna", "Ben"]),
            Err(error) => assert!(!accept && error.code == ErrorCode::NotAllowed, "{error}"),
        }
    }
    assert_eq!(anna.ask(Request::AnswerInvite { accept: true }).await.unwrap_err().code, ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_is_put_out_and_hears_of_it_and_may_come_again() {
    let (anna, ben, _) = anna_and_ben().await;
    see_each_other(&anna, &ben).await;
    let error = ben.ask(Request::RemoveMember { device: "Anna".into() }).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::NotKeeper);
    let state = home(anna.ask(Request::RemoveMember { device: "Ben".into() }).await.unwrap());
    assert_eq!(members(&state), ["Anna"]);
    let took = until("Ben hears of it", || async { ben.home().await.home.is_none() }).await;
    println!("heard of the removal after {took:?}");
    let notices = status(&ben.node).await.notices;
    assert_eq!(notices, ["This device was put out of “Oak Street”."]);
    assert_eq!(ben.home().await.put_out_of.as_deref(), Some("Oak Street"));
    let ben = ben.again().await;
    let after = ben.home().await;
    assert!(after.home.is_none(), "after a restart, too");
    assert_eq!(after.put_out_of.as_deref(), Some("Oak Street"), "and still known");
    let invite = anna.show(Purpose::AddDevice).await;
    let state = ben.enter_at(&anna, &invite.code, Purpose::JoinHome).await.unwrap();
    assert_eq!(members(&state), ["Anna", "Ben"]);
    assert_eq!(state.put_out_of, None);
    assert!(status(&ben.node).await.notices.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn news_of_the_home_reach_everybody() {
    let (anna, ben, _) = anna_and_ben().await;
    let carl = One::called("Carl").await;
    let invite = anna.show(Purpose::AddDevice).await;
    carl.enter_at(&anna, &invite.code, Purpose::JoinHome).await.unwrap();
    let took =
        until("Ben hears of Carl", || async { members(&ben.home().await) == ["Anna", "Ben", "Carl"] }).await;
    println!("a new member was heard of after {took:?}");
    see_each_other(&ben, &carl).await;

    anna.ask(Request::RenameHome { name: "Elm Street".into() }).await.unwrap();
    anna.ask(Request::SetRole { device: "Ben".into(), role: Role::Keeper }).await.unwrap();
    carl.ask(Request::Rename { name: "Charles".into() }).await.unwrap();
    for one in [&anna, &ben, &carl] {
        until("all is known", || async {
            let state = one.home().await;
            let home = state.home.as_ref().unwrap();
            let ben = home.members.iter().find(|member| member.name == "Ben").unwrap();
            home.name == "Elm Street"
                && ben.role == Role::Keeper
                && members(&state) == ["Anna", "Ben", "Charles"]
        })
        .await;
    }
    // Ben, a keeper now, puts Charles out while Anna is away: she hears of it when she is back.
    let (anna_data, carl_id) = (anna.data, carl.id().await);
    anna.node.stop().await;
    ben.ask(Request::RemoveMember { device: "Charles".into() }).await.unwrap();
    until("Charles hears of it", || async { carl.home().await.home.is_none() }).await;
    let anna = One { node: start(anna_data.path()).await, data: anna_data };
    until("Anna hears of it", || async { members(&anna.home().await) == ["Anna", "Ben"] }).await;
    until("Charles is a stranger", || async {
        anna.device(&carl_id).await.is_some_and(|device| device.relation == Relation::Stranger)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_leaves_and_the_last_keeper_does_not() {
    let (anna, ben, _) = anna_and_ben().await;
    see_each_other(&anna, &ben).await;
    let error = anna.ask(Request::LeaveHome).await.unwrap_err();
    assert_eq!(error.code, ErrorCode::Invalid, "{error}");
    let state = home(ben.ask(Request::LeaveHome).await.unwrap());
    assert!(state.home.is_none());
    assert!(status(&ben.node).await.notices.is_empty(), "it went by itself");
    until("Anna hears of it", || async { members(&anna.home().await) == ["Anna"] }).await;
    let state = home(anna.ask(Request::LeaveHome).await.unwrap());
    assert!(state.home.is_none(), "the last one turns off the light");
    assert_eq!(anna.ask(Request::LeaveHome).await.unwrap_err().code, ErrorCode::NoHome);
    assert_eq!(anna.create("Another").await.state.home.unwrap().name, "Another");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_recovery_code_outranks_the_only_keeper() {
    let (anna, ben, founded) = anna_and_ben().await;
    see_each_other(&anna, &ben).await;
    let recover = |code: &str, remove: Option<&str>| Request::Recover {
        code: code.to_owned(),
        remove: remove.map(str::to_owned),
    };
    let mut mistyped = founded.recovery.clone();
    let last = if mistyped.pop() == Some('2') { '3' } else { '2' };
    mistyped.push(last);
    assert_eq!(ben.ask(recover(&mistyped, None)).await.unwrap_err().code, ErrorCode::WrongCode);
    let state = home(ben.ask(recover(&founded.recovery.to_lowercase(), Some("Anna"))).await.unwrap());
    assert_eq!(members(&state), ["Ben"]);
    assert_eq!(state.home.unwrap().role, Role::Keeper);
    until("Anna is out", || async { anna.home().await.home.is_none() }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_devices_are_connected_without_a_home() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    let invite = anna.show(Purpose::Pair).await;
    let state = ben.enter_at(&anna, &invite.code, Purpose::Pair).await.unwrap();
    assert!(state.home.is_none());
    assert_eq!(state.paired[0].name, "Anna");
    until("Anna has it, too", || async {
        anna.home().await.paired.iter().any(|paired| paired.name == "Ben")
    })
    .await;
    let (anna_id, ben) = (anna.id().await, ben.again().await);
    assert_eq!(ben.home().await.paired[0].id, anna_id);
    until("they are shown as connected", || async {
        ben.device(&anna_id).await.is_some_and(|device| device.relation == Relation::Paired)
    })
    .await;
    let state = home(ben.ask(Request::ForgetPaired { device: "Anna".into() }).await.unwrap());
    assert!(state.paired.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_reached_at_a_typed_address() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    let port = status(&anna.node).await.port;
    let connect = |address: String| Request::Connect { address };
    let Response::Device(device) = ben.ask(connect(format!("127.0.0.1:{port}"))).await.unwrap() else {
        panic!()
    };
    assert_eq!((device.name.as_str(), device.id), ("Anna", anna.id().await));
    assert_eq!(ben.ask(connect("127.0.0.1:22".into())).await.unwrap_err().code, ErrorCode::Invalid);
    assert_eq!(ben.ask(connect("no address".into())).await.unwrap_err().code, ErrorCode::Invalid);
    assert_eq!(ben.ask(connect("127.0.0.1:1025".into())).await.unwrap_err().code, ErrorCode::PeerUnreachable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_name_is_seen_by_the_home_only() {
    let (anna, ben, _) = anna_and_ben().await;
    let carl = One::called("Carl").await;
    anna.ask(Request::ShowName { show: false }).await.unwrap();
    let (anna_id, words) = (anna.id().await, status(&anna.node).await.check_words);
    until("Carl sees words in place of the name", || async {
        carl.device(&anna_id).await.is_some_and(|device| device.name == words)
    })
    .await;
    until("Ben sees the name", || async {
        ben.device(&anna_id).await.is_some_and(|device| device.name == "Anna")
    })
    .await;
}

/// A plain member says 16 things in one log. It gets further only if all devices agree on a checkpoint in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_home_shortens_its_log_by_itself_and_goes_on() {
    let (anna, ben, founded) = anna_and_ben().await;
    see_each_other(&anna, &ben).await;
    let begun = Instant::now();
    for turn in 0..40 {
        let name = format!("Ben {turn}");
        ben.ask(Request::Rename { name: name.clone() }).await.unwrap();
        until(&format!("Anna knows {name}"), || async {
            members(&anna.home().await) == ["Anna", name.as_str()]
        })
        .await;
    }
    println!("40 names in {:?}", begun.elapsed());

    // Everything is there after a restart, for a device that comes in now, and for one that goes.
    let (anna, ben) = (anna.again().await, ben.again().await);
    assert_eq!(members(&anna.home().await), ["Anna", "Ben 39"]);
    let carl = One::called("Carl").await;
    let invite = anna.show(Purpose::AddDevice).await;
    let joined = carl.enter_at(&anna, &invite.code, Purpose::JoinHome).await.unwrap();
    assert_eq!(members(&joined), ["Anna", "Ben 39", "Carl"]);
    assert_eq!(joined.home.unwrap().id, founded.state.home.unwrap().id);
    until("Ben knows Carl", || async { members(&ben.home().await).len() == 3 }).await;
    anna.ask(Request::RemoveMember { device: ben.id().await }).await.unwrap();
    until("Ben knows that he is out", || async { ben.home().await.put_out_of.is_some() }).await;
    until("Carl knows it too", || async { members(&carl.home().await) == ["Anna", "Carl"] }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_typed_a_code_may_stop_waiting_for_the_other_device_to_say_yes() {
    let (anna, ben) = (One::called("Anna").await, One::called("Ben").await);
    anna.create("Oak Street").await;
    let invite = anna.try_to_show(Purpose::AddDevice, true).await.unwrap();
    let begun = Instant::now();
    let stopping = async {
        until("Anna is asked", || async {
            anna.home().await.invite.is_some_and(|invite| invite.state == InviteState::Asking)
        })
        .await;
        ben.ask(Request::CloseInvite).await.unwrap();
    };
    let (entered, ()) = tokio::join!(ben.enter_at(&anna, &invite.code, Purpose::JoinHome), stopping);
    assert_eq!(entered.unwrap_err().code, ErrorCode::CodeEnded);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(members(&anna.home().await), ["Anna"]);
    assert!(ben.home().await.home.is_none());
    until("Anna is asked no more", || async {
        anna.home().await.invite.is_none_or(|invite| invite.state != InviteState::Asking)
    })
    .await;
}
