//! Homes: coming in by a code, staying together on bad networks, and being put out.

use anyhow::{Context, Result, ensure};
use lanyard_api::{DeviceState, Founded, HomeState, Invite, InviteState, Relation, TransferState};
use lanyard_tests::{Host, Lab, Node, Setup, runner::remark, scenarios, soon, stays};
use std::{
    fs,
    net::{Ipv4Addr, Ipv6Addr},
    time::{Duration, Instant},
};

scenarios![
    #[alone]
    five_devices_join_by_a_code_whichever_of_the_two_shows_it,
    three_wrong_codes_end_the_code_and_the_owner_is_told,
    a_second_home_is_refused,
    #[alone]
    a_removed_device_is_cut_in_the_middle_of_a_copy,
    two_halves_of_a_home_come_to_know_the_same,
    a_restored_backup_learns_what_it_missed,
    members_find_each_other_where_multicast_is_blocked,
    a_sleeping_device_is_called_by_the_others,
    announcements_tell_no_name_of_a_home,
];

/// What a person would not wait longer for.
const SOON: Duration = Duration::from_secs(10);

fn five_devices_join_by_a_code_whichever_of_the_two_shows_it() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    create(&ada, "Oak Street")?;
    let mut all = vec![ada];
    for (number, name) in ["ben", "carl", "dora", "emil"].into_iter().enumerate() {
        let newcomer = Node::at_home(&lab.host(name)?)?;
        newcomer.finds_device("ada", SOON)?;
        let took =
            if number % 2 == 0 { join(&all[0], &newcomer)? } else { join_the_other_way(&all[0], &newcomer)? };
        remark(format!("{name} joined {} ms after the last digit", took.as_millis()));
        ensure!(took < Duration::from_secs(5), "{name} needed {took:?}");
        all.push(newcomer);
    }
    for node in &all {
        soon(&format!("{} knows all five, and that they are there", node.name()), SOON, || {
            let home = state(node)?.home.context("no home")?;
            let online = home.members.iter().filter(|member| member.state == DeviceState::Online).count();
            ensure!(online == 5, "{online} of {}: {:?}", home.members.len(), home.members);
            Ok(())
        })?;
    }
    // What is shared goes to the home by itself, and to nobody else.
    let stranger = Node::at_home(&lab.host("stranger")?)?;
    let folder = all[1].host().dir().join("music");
    fs::create_dir(&folder)?;
    all[1].run(&["share", "folder", &folder.to_string_lossy(), "--name", "Music"])?;
    all[4].finds_drive("Music")?;
    stranger.finds_device("ben", SOON)?;
    stays("a stranger is offered nothing", Duration::from_secs(1), || {
        ensure!(stranger.nearby()?.drives.is_empty(), "{:?}", stranger.nearby()?.drives);
        Ok(())
    })
}

fn three_wrong_codes_end_the_code_and_the_owner_is_told() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    create(&ada, "Oak Street")?;
    let mut showing = ada.spawn(&["home", "invite"])?;
    let invite = shown(&ada)?;
    hears_a_window(&ben, &invite)?;
    for guess in ["111-112", "111-113", "111-114"] {
        let reason = ben.refuses(&["home", "join", &format!("{}-{guess}", &invite.code[..2])])?;
        ensure!(reason.contains("not right"), "{reason}");
    }
    ensure!(showing.wait(SOON)? == Some(1), "{}", showing.errors());
    ensure!(showing.errors().contains("three times"), "{}", showing.errors());
    ensure!(shown(&ada)?.state == InviteState::Burned, "{:?}", shown(&ada)?);
    ben.refuses(&["home", "join", &invite.code])?;
    ensure!(members(&ada)? == ["ada"] && state(&ben)?.home.is_none(), "somebody came in");
    Ok(())
}

fn a_second_home_is_refused() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben, _) = two(&lab)?;
    let carl = Node::at_home(&lab.host("carl")?)?;
    create(&carl, "Elm Street")?;
    let _showing = carl.spawn(&["home", "invite"])?;
    let invite = shown(&carl)?;
    for refused in [ben.refuses(&["home", "join", &invite.code])?, ben.refuses(&["home", "create", "Mine"])?]
    {
        ensure!(refused.contains("Oak Street") && refused.contains("Leave"), "{refused}");
    }
    ben.run(&["home", "leave"])?;
    soon("ada knows that ben left", SOON, || {
        ensure!(members(&ada)? == ["ada"], "{:?}", members(&ada)?);
        Ok(())
    })?;
    ben.run(&["home", "join", &invite.code])?;
    ensure!(members(&ben)? == ["ben", "carl"], "{:?}", members(&ben)?);
    Ok(())
}

fn a_removed_device_is_cut_in_the_middle_of_a_copy() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben, _) = two(&lab)?;
    let carl = Node::at_home(&lab.host("carl")?)?;
    join(&ada, &carl)?;
    let folder = ben.host().dir().join("films");
    fs::create_dir(&folder)?;
    let film = folder.join("film.bin");
    fs::File::create(&film)?.set_len(1 << 30)?;
    ben.run(&["share", "folder", &folder.to_string_lossy(), "--name", "Films", "--to", "home"])?;
    carl.finds_drive("Films")?;
    lanyard_tests::impair::rate(ben.host(), 200, carl.host())?;
    let there = carl.host().dir().join("copy");
    fs::create_dir(&there)?;
    let _copying = carl.spawn(&["get", "Films:film.bin", &there.to_string_lossy()])?;
    carl.is_copying(1 << 20, SOON)?;
    let begun = Instant::now();
    ada.run(&["home", "remove", "carl"])?;
    let cut = soon("the copy is cut", Duration::from_secs(2), || {
        let copy = carl.transfers()?.into_iter().next().context("no copy")?;
        ensure!(copy.state != TransferState::Running, "{} bytes and going on", copy.bytes_done);
        Ok(copy.bytes_done)
    })?;
    remark(format!("cut {} ms after the word", begun.elapsed().as_millis()));
    soon("carl knows that it was put out", SOON, || {
        ensure!(state(&carl)?.home.is_none(), "it is in the home");
        ensure!(carl.status()?.notices.iter().any(|notice| notice.contains("put out")), "it was not told");
        Ok(())
    })?;
    soon("what was offered is gone", Duration::from_secs(2), || {
        ensure!(carl.nearby()?.drives.is_empty(), "{:?}", carl.nearby()?.drives);
        Ok(())
    })?;
    stays("nothing is offered to carl any more", Duration::from_secs(2), || {
        ensure!(carl.nearby()?.drives.is_empty(), "{:?}", carl.nearby()?.drives);
        Ok(())
    })?;
    let copy = carl.transfers()?.into_iter().next().context("no copy")?;
    ensure!(
        copy.bytes_done <= cut && copy.state != TransferState::Done,
        "{} bytes after {cut}",
        copy.bytes_done
    );
    carl.refuses(&["get", "Films:film.bin", &there.to_string_lossy()])?;
    for node in [&ada, &ben] {
        ensure!(members(node)? == ["ada", "ben"], "{:?}", members(node)?);
    }
    Ok(())
}

fn two_halves_of_a_home_come_to_know_the_same() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, ben, _) = two(&lab)?;
    let carl = Node::at_home(&lab.host("carl")?)?;
    join(&ada, &carl)?;
    ada.run(&["home", "role", "ben", "keeper"])?;
    for node in [&ada, &ben, &carl] {
        knows(node, &["ada", "ben", "carl"])?;
    }
    soon("ben manages the home", SOON, || {
        ensure!(state(&ben)?.home.is_some_and(|home| home.role == lanyard_api::Role::Keeper), "not yet");
        Ok(())
    })?;
    part(ada.host(), ben.host())?;
    part(ada.host(), carl.host())?;
    ada.run(&["home", "rename", "Elm Street"])?;
    ben.run(&["home", "remove", "carl"])?;
    soon("carl is out in its half", SOON, || {
        ensure!(state(&carl)?.home.is_none(), "it is in");
        Ok(())
    })?;
    let known = members(&ada)?;
    ensure!(known == ["ada", "ben", "carl"], "the other half cannot know yet: {known:?}");
    meet_again(ada.host())?;
    let begun = Instant::now();
    for node in [&ada, &ben] {
        // A device that was thought to be away is tried again within half a minute.
        soon("both know both", Duration::from_secs(45), || {
            ensure!(members(node)? == ["ada", "ben"], "{:?}", members(node)?);
            let name = state(node)?.home.context("no home")?.name;
            ensure!(name == "Elm Street", "{name}");
            Ok(())
        })?;
    }
    remark(format!("the same everywhere {} ms after the networks met", begun.elapsed().as_millis()));
    Ok(())
}

fn a_restored_backup_learns_what_it_missed() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, mut ben, _) = two(&lab)?;
    ben.stop()?;
    let backup = ben.host().dir().join("backup");
    let (data, backup_path) =
        (ben.data().to_string_lossy().into_owned(), backup.to_string_lossy().into_owned());
    ben.host().run(&["cp", "-a", &data, &backup_path])?;
    ben.start_again()?;
    let carl = Node::at_home(&lab.host("carl")?)?;
    join(&ada, &carl)?;
    knows(&ben, &["ada", "ben", "carl"])?;
    ben.stop()?;
    ben.host().run(&["rm", "-rf", &data])?;
    ben.host().run(&["cp", "-a", &backup_path, &data])?;
    ben.start_again()?;
    knows(&ben, &["ada", "ben", "carl"])?;
    soon("carl is found by ben again", SOON, || {
        let home = state(&ben)?.home.context("no home")?;
        ensure!(home.members.iter().all(|member| member.state == DeviceState::Online), "{:?}", home.members);
        Ok(())
    })
}

fn members_find_each_other_where_multicast_is_blocked() -> Result<()> {
    let lab = Lab::new()?;
    let (ada, mut ben, _) = two(&lab)?;
    let carl = Node::at_home(&lab.host("carl")?)?;
    join(&ada, &carl)?;
    knows(&ben, &["ada", "ben", "carl"])?;
    soon("ben has met carl", SOON, || {
        ensure!(ben.sees()? == ["ada", "carl"], "{:?}", ben.sees()?);
        Ok(())
    })?;
    ben.stop()?;
    for node in [&ada, &ben, &carl] {
        node.host().sh("nft add table inet quiet
             nft add chain inet quiet in '{ type filter hook input priority 0; }'
             nft add rule inet quiet in udp dport 5353 counter drop")?;
    }
    ben.start_again()?;
    let begun = Instant::now();
    soon("all members are back without multicast", SOON, || {
        let home = state(&ben)?.home.context("no home")?;
        ensure!(home.members.iter().all(|member| member.state == DeviceState::Online), "{:?}", home.members);
        Ok(())
    })?;
    remark(format!("found again after {} ms", begun.elapsed().as_millis()));
    // The rule is real: a stranger is not found by itself, and is by its address.
    let stranger = Node::at_home(&lab.host("stranger")?)?;
    let counted = ben.host().run(&["nft", "list", "table", "inet", "quiet"])?;
    soon("something was dropped", SOON, || {
        let counted = ben.host().run(&["nft", "list", "table", "inet", "quiet"])?;
        ensure!(!counted.contains("packets 0 "), "{counted}");
        Ok(())
    })
    .with_context(|| counted.clone())?;
    let address = format!("{}:{}", stranger.host().ipv4()?, stranger.status()?.port);
    ben.run(&["connect", &address])?;
    ben.finds_device("stranger", SOON)?;
    // A member that has another address tells it to those that it reaches.
    carl.host()
        .change_address(Ipv4Addr::new(10, 77, 0, 77), Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0x77))?;
    let begun = Instant::now();
    soon("carl is found at its new address", Duration::from_secs(45), || {
        for node in [&ada, &ben] {
            let device =
                node.nearby()?.devices.into_iter().find(|device| device.name == "carl").context("no carl")?;
            ensure!(device.state == DeviceState::Online, "{device:?}");
            ensure!(
                device
                    .addresses
                    .iter()
                    .any(|address| address.contains("77.0.77") || address.contains("::77")),
                "{device:?}"
            );
        }
        Ok(())
    })?;
    remark(format!("at another address after {} ms", begun.elapsed().as_millis()));
    Ok(())
}

fn a_sleeping_device_is_called_by_the_others() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let host = lab.host("ben")?;
    // What is at /sys otherwise are the interfaces of the machine that the laboratory is on.
    host.run(&["mount", "-t", "sysfs", "sysfs", "/sys"])?;
    let mut ben = Node::at_home(&host)?;
    create(&ada, "Oak Street")?;
    join(&ada, &ben)?;
    soon("ben has told how it can be woken", SOON, || {
        let home = state(&ada)?.home.context("no home")?;
        ensure!(
            home.members.iter().any(|member| member.name == "ben" && member.can_wake),
            "{:?}",
            home.members
        );
        Ok(())
    })?;
    let mac = mac(&host)?;
    ben.stop()?;
    let capture = ben.host().capture("udp port 9")?;
    ada.run(&["wake", "ben"])?;
    let (raw, lines) = capture.stop()?;
    let mac: Vec<u8> = mac.split(':').map(|part| u8::from_str_radix(part, 16)).collect::<Result<_, _>>()?;
    let magic = [vec![0xff; 6], mac.repeat(16)].concat();
    ensure!(raw.windows(magic.len()).any(|window| window == magic), "no magic packet: {lines:#?}");
    let refused = ada.refuses(&["wake", "nobody"])?;
    ensure!(refused.contains("nobody"), "{refused}");
    Ok(())
}

fn announcements_tell_no_name_of_a_home() -> Result<()> {
    let lab = Lab::new()?;
    let all = lab.switch().capture_all()?;
    let named = |name: &str| Setup { name: Some(name.to_owned()), ..Setup::default() };
    let ada = Node::at_home_with(&lab.host("rocinante")?, named("Dulcinea"))?;
    ada.run(&["home", "create", "La Mancha"])?;
    let ben = Node::at_home_with(&lab.host("rucio")?, named("Sancho"))?;
    // The name is hidden, so that it is not on the wire even while the code is shown.
    let hidden: Vec<u8> = all.stop()?.0;
    for secret in ["dulcinea", "rocinante", "mancha", "sancho", "rucio"] {
        ensure!(!contains(&hidden, secret), "{secret:?} can be read on the wire");
    }
    ensure!(contains(&hidden, "_lanyard"), "the capture holds no announcement");
    join(&ada, &ben)?;
    let all = lab.switch().capture_all()?;
    let mut ben = ben;
    ben.stop()?;
    ben.start_again()?;
    ben.finds_device("Dulcinea", SOON)?;
    ensure!(ben.finds_device("Dulcinea", SOON)?.relation == Relation::Home, "not of the home");
    std::thread::sleep(Duration::from_secs(2));
    let (raw, _) = all.stop()?;
    for secret in ["dulcinea", "rocinante", "mancha", "sancho", "rucio", &ada.ready().id] {
        ensure!(!contains(&raw, secret), "{secret:?} can be read on the wire");
    }
    Ok(())
}

/// Ada's home with ben in it.
fn two(lab: &Lab) -> Result<(Node, Node, Founded)> {
    let ada = Node::at_home(&lab.host("ada")?)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let founded = create(&ada, "Oak Street")?;
    join(&ada, &ben)?;
    for (node, other) in [(&ada, "ben"), (&ben, "ada")] {
        node.finds_device(other, SOON)?;
    }
    Ok((ada, ben, founded))
}

fn create(node: &Node, name: &str) -> Result<Founded> {
    node.json(&["home", "create", name])
}

/// The member shows, the newcomer types. How long it took from the last digit until both know it.
fn join(member: &Node, newcomer: &Node) -> Result<Duration> {
    let mut showing = member.spawn(&["home", "invite"])?;
    let invite = open(member)?;
    hears_a_window(newcomer, &invite)?;
    let begun = Instant::now();
    newcomer.run(&["home", "join", &invite.code])?;
    let took = begun.elapsed();
    ensure!(showing.wait(SOON)? == Some(0), "{}", showing.errors());
    Ok(took)
}

/// The newcomer shows, the member types.
fn join_the_other_way(member: &Node, newcomer: &Node) -> Result<Duration> {
    let mut showing = newcomer.spawn(&["home", "join"])?;
    let invite = open(newcomer)?;
    hears_a_window(member, &invite)?;
    let begun = Instant::now();
    member.run(&["home", "invite", &invite.code])?;
    let took = begun.elapsed();
    ensure!(showing.wait(SOON)? == Some(0), "{}", showing.errors());
    Ok(took)
}

fn state(node: &Node) -> Result<HomeState> {
    node.json(&["home", "members"])
}

fn members(node: &Node) -> Result<Vec<String>> {
    let home = state(node)?.home;
    let mut names: Vec<String> =
        home.into_iter().flat_map(|home| home.members).map(|member| member.name).collect();
    names.sort();
    Ok(names)
}

fn knows(node: &Node, names: &[&str]) -> Result<()> {
    soon(&format!("{} knows {names:?}", node.name()), SOON, || {
        let known = members(node)?;
        ensure!(known == names, "{known:?}");
        Ok(())
    })
}

/// The code that is shown, or was shown last.
fn shown(node: &Node) -> Result<Invite> {
    soon("a code is shown", SOON, || state(node)?.invite.context("no code"))
}

/// The code that can be typed now.
fn open(node: &Node) -> Result<Invite> {
    soon("a code is open", SOON, || {
        let invite = state(node)?.invite.context("no code")?;
        ensure!(invite.state == InviteState::Open, "{:?}", invite.state);
        Ok(invite)
    })
}

fn hears_a_window(node: &Node, invite: &Invite) -> Result<()> {
    soon("the code is announced", SOON, || {
        let windows = state(node)?.windows;
        ensure!(windows.iter().any(|window| invite.code.starts_with(&window.discriminator)), "{windows:?}");
        Ok(())
    })
}

/// Lets nothing from `other` in on `host`, and proves it.
fn part(host: &Host, other: &Host) -> Result<()> {
    let (v4, v6) = (other.ipv4()?, other.ipv6()?);
    let mac = mac(other)?;
    host.sh(&format!(
        "nft add table inet parted
         nft add chain inet parted in '{{ type filter hook input priority 0; }}'
         nft add rule inet parted in ether saddr {mac} drop"
    ))?;
    ensure!(lanyard_tests::impair::echoes(other, host, v4.into(), 5)? == 0, "{v4} gets through");
    ensure!(lanyard_tests::impair::echoes(other, host, v6.into(), 5)? == 0, "{v6} gets through");
    Ok(())
}

fn mac(host: &Host) -> Result<String> {
    let line = host.run(&["ip", "-o", "link", "show", "dev", "eth0"])?;
    let mut words = line.split_whitespace().skip_while(|word| *word != "link/ether");
    Ok(words.nth(1).context("no hardware address")?.to_owned())
}

fn meet_again(host: &Host) -> Result<()> {
    host.run(&["nft", "delete", "table", "inet", "parted"]).map(drop)
}

/// Whether `text` occurs in `bytes`, in capital letters or not.
fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text.as_bytes()))
}
