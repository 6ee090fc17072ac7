//! Computers find each other, keep their identity, and notice who has gone.

use anyhow::{Context, Result, ensure};
use lanyard_api::DeviceState;
use lanyard_tests::{DirectCable, Lab, Node, runner::remark, scenarios, soon};
use std::{
    net::Ipv4Addr,
    time::{Duration, Instant},
};

scenarios![
    #[alone]
    three_nodes_see_each_other_and_say_goodbye,
    two_nodes_on_a_direct_cable_see_each_other,
    a_cable_without_ipv4_is_enough,
    a_killed_node_is_noticed,
    an_unplugged_node_is_noticed_and_comes_back_as_the_same_device,
    a_changed_address_leaves_the_same_device,
    both_addresses_change_at_once_and_the_nodes_meet_again,
    a_node_that_starts_again_keeps_its_identity,
    a_new_name_reaches_the_others,
];

fn three_nodes_see_each_other_and_say_goodbye() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let mut ben = Node::at_home(&lab.host("ben")?)?;
    let cleo = Node::start(&lab.host("cleo")?)?;
    ada.sees_just(&["ben"], Duration::from_secs(3))?;

    cleo.trust_network()?;
    let begun = Instant::now();
    let limit = Duration::from_secs(2);
    ada.sees_just(&["ben", "cleo"], limit)?;
    ben.sees_just(&["ada", "cleo"], limit)?;
    cleo.sees_just(&["ada", "ben"], limit)?;
    remark(format!("all saw the third {} ms after it was let in", begun.elapsed().as_millis()));

    let took = ben.stop()?;
    let begun = Instant::now();
    ada.sees_just(&["cleo"], limit)?;
    cleo.sees_just(&["ada"], limit)?;
    for node in [&ada, &cleo] {
        let left = node.nearby()?.devices;
        ensure!(!left.iter().any(|device| device.name == "ben"), "a goodbye left it in the list: {left:?}");
    }
    remark(format!("it stopped in {} ms, gone {} ms later", took.as_millis(), begun.elapsed().as_millis()));
    Ok(())
}

fn two_nodes_on_a_direct_cable_see_each_other() -> Result<()> {
    let cable = DirectCable::new("ada", "ben")?;
    let (ada, ben) = (Node::at_home(&cable.left)?, Node::at_home(&cable.right)?);
    ada.sees_just(&["ben"], Duration::from_secs(5))?;
    ben.sees_just(&["ada"], Duration::from_secs(5))
}

fn a_cable_without_ipv4_is_enough() -> Result<()> {
    let cable = DirectCable::new("ada", "ben")?;
    for host in [&cable.left, &cable.right] {
        host.run(&["ip", "-4", "addr", "flush", "dev", "eth0"])?;
    }
    let (ada, ben) = (Node::at_home(&cable.left)?, Node::at_home(&cable.right)?);
    let device = ada.finds_device("ben", Duration::from_secs(5))?;
    ensure!(device.addresses.iter().all(|address| address.starts_with("[fe80:")), "{:?}", device.addresses);
    ben.finds_device("ada", Duration::from_secs(5)).map(drop)
}

fn a_killed_node_is_noticed() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let mut ben = Node::at_home(&lab.host("ben")?)?;
    ada.finds_device("ben", Duration::from_secs(5))?;
    ben.kill()?;
    ada.sees_just(&[], Duration::from_secs(10))
}

fn an_unplugged_node_is_noticed_and_comes_back_as_the_same_device() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let before = ada.finds_device("ben", Duration::from_secs(5))?;
    ben.host().unplug()?;
    let begun = Instant::now();
    // Nothing tells that it has gone; only its silence does.
    ada.sees_just(&[], Duration::from_secs(50))?;
    remark(format!("noticed after {:.0} s", begun.elapsed().as_secs_f64()));
    ben.host().plug()?;
    let begun = Instant::now();
    let after = ada.finds_device("ben", Duration::from_secs(40))?;
    remark(format!("back after {:.1} s", begun.elapsed().as_secs_f64()));
    ensure!(before.id == after.id, "it came back as somebody else");
    ensure!(ada.nearby()?.devices.len() == 1, "it is in the list twice");
    Ok(())
}

fn a_changed_address_leaves_the_same_device() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let before = ada.finds_device("ben", Duration::from_secs(5))?;
    ben.host().change_address(Ipv4Addr::new(10, 77, 0, 99), "fd77::99".parse()?)?;
    let begun = Instant::now();
    let after = soon("it is found at the new address", Duration::from_secs(45), || {
        let devices = ada.nearby()?.devices;
        ensure!(devices.len() == 1, "{} devices: {devices:?}", devices.len());
        let device = devices.into_iter().next().context("nobody")?;
        ensure!(device.state == DeviceState::Online, "it does not answer");
        ensure!(
            device
                .addresses
                .iter()
                .any(|address| address.contains("10.77.0.99") || address.contains("fd77::99")),
            "only at {:?}",
            device.addresses
        );
        Ok(device)
    })?;
    remark(format!("found at its new address after {:.1} s", begun.elapsed().as_secs_f64()));
    ensure!(before.id == after.id, "it became somebody else");
    Ok(())
}

fn both_addresses_change_at_once_and_the_nodes_meet_again() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let ben = Node::at_home(&lab.host("ben")?)?;
    let before = ada.finds_device("ben", Duration::from_secs(5))?;
    // The router was replaced: the same cable, another network, and nobody has said yet whose it is.
    for (node, number) in [(&ada, 21), (&ben, 22)] {
        node.host().sh(&format!(
            "ip addr flush dev eth0 scope global
             ip addr add 192.168.9.{number}/24 brd + dev eth0
             ip route replace 224.0.0.0/4 dev eth0"
        ))?;
    }
    soon("the new network can be marked", Duration::from_secs(10), || {
        for node in [&ada, &ben] {
            let networks = node.status()?.networks;
            ensure!(
                networks
                    .iter()
                    .any(|net| net.connected && net.addresses.iter().any(|a| a.contains("192.168.9."))),
                "{networks:?}"
            );
        }
        Ok(())
    })?;
    ada.trust_network()?;
    ben.trust_network()?;
    let after = soon("they meet again", Duration::from_secs(45), || {
        let device = ada.finds_device("ben", Duration::ZERO)?;
        ensure!(
            device.addresses.iter().any(|address| address.contains("192.168.9.22")),
            "{:?}",
            device.addresses
        );
        Ok(device)
    })?;
    ensure!(before.id == after.id, "it became somebody else");
    Ok(())
}

fn a_node_that_starts_again_keeps_its_identity() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let mut ben = Node::at_home(&lab.host("ben")?)?;
    let before = ada.finds_device("ben", Duration::from_secs(5))?;
    ensure!(before.id == ben.ready().id, "{} is not {}", before.id, ben.ready().id);
    ben.stop()?;
    ada.sees_just(&[], Duration::from_secs(3))?;
    ben.start_again()?;
    // The network is remembered as the owner's: nobody has to mark it twice.
    let after = ada.finds_device("ben", Duration::from_secs(5))?;
    ensure!(before.id == after.id, "it came back as somebody else");
    Ok(())
}

fn a_new_name_reaches_the_others() -> Result<()> {
    let lab = Lab::new()?;
    let ada = Node::at_home(&lab.host("ada")?)?;
    let mut ben = Node::at_home(&lab.host("ben")?)?;
    ada.finds_device("ben", Duration::from_secs(5))?;
    ben.stop()?;
    ben.set_name("Büro von Ben 🖨");
    ben.start_again()?;
    ada.finds_device("Büro von Ben 🖨", Duration::from_secs(5)).map(drop)
}
