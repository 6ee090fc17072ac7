//! A person who wants a job held, or on another printer: two owners over real links.

use super::{
    cups::Cupsd,
    offering::{Document, Owner, files},
    sender::{Sender, carry_news, done, identity, job, listen, until},
};
use lanyard_print::{
    QueueId,
    consume::{Around, Deed, OutboxError, OutgoingState, Target},
    ticket::{HELD_BY_SENDER, State},
};
use std::{sync::Arc, time::Duration};

fn saving(target: Target) -> Target {
    Target { share: lanyard_trust::ShareId(QueueId::SAVE_AS_PDF.to_owned()), ..target }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_for_a_device_that_is_away_goes_to_another_printer_at_once() {
    let ((_a, anna), (_b, ben)) = (identity(), identity());
    let owner = Owner::alone();
    let (away, sender) = (Sender::new(anna.node_id()), Sender::new(ben.node_id()));
    let (outbox, _cancel) = sender.open();
    let id = {
        let path = sender.file(&Document::pdf(1));
        let target = away.target("laser");
        outbox.take(target, "a.pdf".to_owned(), &path, Default::default()).await.unwrap().job
    };
    until(&outbox, id, |job| job.reason.as_deref() == Some("peer_unreachable")).await;
    let listening = listen(&owner, &ben, None).await;
    carry_news(&listening, ben.node_id(), &outbox);
    sender.peers.learn(ben.node_id(), vec![listening.address]);
    let moved = outbox.move_to(id, saving(sender.target("x"))).await.unwrap();
    assert_eq!((moved.node, moved.attempt), (ben.node_id(), 2));
    until(&outbox, id, done).await;
    assert_eq!(files(&owner.printed_folder()).len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_in_a_queue_is_given_back_before_it_goes_elsewhere_and_may_come_again() {
    let cupsd = Cupsd::start();
    cupsd.tool("cupsdisable", &["pages"]);
    let ((_a, anna), (_b, ben)) = (identity(), identity());
    let (first, second) = (Owner::with(&cupsd), Owner::alone());
    let sender = Sender::new(anna.node_id());
    let (at_anna, at_ben) = (listen(&first, &anna, None).await, listen(&second, &ben, None).await);
    sender.peers.learn(anna.node_id(), vec![at_anna.address]);
    sender.peers.learn(ben.node_id(), vec![at_ben.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&at_anna, anna.node_id(), &outbox);
    carry_news(&at_ben, ben.node_id(), &outbox);
    let id = sender.take(&outbox, "pages", &Document::pdf(1)).await;
    until(&outbox, id, |job| job.state == OutgoingState::At(State::Stopped)).await;
    // To a printer that is stopped, back again, and away for good.
    let paused = QueueId(QueueId::SAVE_AS_PDF.to_owned());
    at_ben.running.offer.pause_queue(&paused, true).await.unwrap();
    let elsewhere = Target { node: ben.node_id(), ..saving(sender.target("x")) };
    outbox.move_to(id, elsewhere.clone()).await.unwrap();
    until(&outbox, id, |job| job.node == ben.node_id() && job.reason.as_deref() == Some("paused")).await;
    outbox.move_to(id, sender.target("pages")).await.unwrap();
    until(&outbox, id, |job| job.node == anna.node_id() && job.state == OutgoingState::At(State::Stopped))
        .await;
    outbox.move_to(id, elsewhere).await.unwrap();
    at_ben.running.offer.pause_queue(&paused, false).await.unwrap();
    until(&outbox, id, done).await;
    cupsd.tool("cupsenable", &["pages"]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(cupsd.printed().len(), 0, "it was taken back, and stays so");
    assert_eq!(files(&second.printed_folder()).len(), 1);
    assert_eq!(job(&outbox, id).await.attempt, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_has_begun_to_print_stays_where_it_is() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("empty");
    let (_a, anna) = identity();
    let owner = Owner::with(&cupsd);
    let sender = Sender::new(anna.node_id());
    let listening = listen(&owner, &anna, None).await;
    sender.peers.learn(anna.node_id(), vec![listening.address]);
    let (outbox, _cancel) = sender.open();
    carry_news(&listening, anna.node_id(), &outbox);
    let id = sender.take(&outbox, "pages", &Document::pdf(1)).await;
    // Out of paper, in the middle of it as far as anybody knows.
    until(&outbox, id, |job| job.reason.as_deref() == Some("media-empty")).await;
    match outbox.move_to(id, saving(sender.target("x"))).await {
        Err(OutboxError::NotNow(words)) => assert!(words.contains("begun"), "{words}"),
        // A busy machine has not answered in time: it goes on all the same.
        answer => assert!(answer.unwrap().moving.is_some()),
    }
    until(&outbox, id, |job| job.moving.is_none() && job.node == anna.node_id()).await;
    cupsd.behave_well();
    until(&outbox, id, done).await;
    assert_eq!((cupsd.printed().len(), files(&owner.printed_folder()).len()), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_held_here_while_it_is_here_and_there_when_it_is_there() {
    let cupsd = Cupsd::start();
    cupsd.misbehave("slow");
    let (_a, anna) = identity();
    let owner = Owner::with(&cupsd);
    let sender = Sender::new(anna.node_id());
    let (outbox, _cancel) = sender.open();
    let here = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await;
    let held = outbox.hold(here).await.unwrap();
    let held = until(&outbox, here, |job| job.state == OutgoingState::At(State::Held) || held == *job).await;
    assert!(held.may(Deed::Release) && held.may(Deed::Move) && !held.may(Deed::Hold));
    let listening = listen(&owner, &anna, None).await;
    sender.peers.learn(anna.node_id(), vec![listening.address]);
    carry_news(&listening, anna.node_id(), &outbox);
    outbox.is_back(anna.node_id());
    let printing = sender.take(&outbox, "pages", &Document::pdf(1)).await;
    until(&outbox, printing, |job| job.state == OutgoingState::At(State::Printing)).await;
    assert!(outbox.hold(printing).await.is_err(), "it is being printed");
    let there = sender.take(&outbox, "pages", &Document::pdf(1)).await;
    until(&outbox, there, |job| job.state == OutgoingState::At(State::Waiting)).await;
    let held = outbox.hold(there).await.unwrap();
    assert_eq!(
        (held.state, held.reason.as_deref()),
        (OutgoingState::At(State::Held), Some(HELD_BY_SENDER)),
        "its owner says so"
    );
    cupsd.behave_well();
    until(&outbox, printing, done).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(job(&outbox, here).await.state, OutgoingState::At(State::Held));
    assert_eq!((cupsd.printed().len(), files(&owner.printed_folder()).len()), (1, 0));
    for id in [here, there] {
        outbox.release(id).await.unwrap();
        until(&outbox, id, done).await;
    }
    assert_eq!((cupsd.printed().len(), files(&owner.printed_folder()).len()), (2, 1));
}

/// What the other devices offer besides.
struct Ways(Vec<Target>);

impl Around for Ways {
    fn around(&self, _: &Target) -> Vec<Target> {
        self.0.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_goes_by_another_device_while_the_first_is_away_and_never_by_both() {
    let ((_a, anna), (_b, ben), (_c, cleo)) = (identity(), identity(), identity());
    let (first, second) = (Owner::alone(), Owner::alone());
    let sender = Sender::new(anna.node_id());
    let at_anna = listen(&first, &anna, None).await;
    let at_ben = listen(&second, &ben, None).await;
    sender.peers.learn(anna.node_id(), vec![at_anna.address]);
    sender.peers.learn(ben.node_id(), vec![at_ben.address]);
    let (outbox, _cancel) = sender.open();
    let way = |node| Target { node, ..saving(sender.target("x")) };
    // Cleo is said to be there and is not; what else Ben has is closed to us.
    let closed = Target { node: ben.node_id(), ..sender.target("closed") };
    let ways = vec![way(cleo.node_id()), closed, way(ben.node_id()), way(anna.node_id())];
    outbox.find_other_ways_by(Arc::new(Ways(ways)));
    carry_news(&at_anna, anna.node_id(), &outbox);
    carry_news(&at_ben, ben.node_id(), &outbox);
    // Anna has one that waits for her queue: it is hers, wherever she goes.
    let paused = QueueId(QueueId::SAVE_AS_PDF.to_owned());
    at_anna.running.offer.pause_queue(&paused, true).await.unwrap();
    let hers = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await;
    until(&outbox, hers, |job| job.reason.as_deref() == Some("paused")).await;
    let address = at_anna.away().await;
    let late = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await;
    let late = until(&outbox, late, done).await;
    assert_eq!((late.node, late.attempt), (ben.node_id(), 2), "by the first that answers and lets us");
    assert_eq!((files(&first.printed_folder()).len(), files(&second.printed_folder()).len()), (0, 1));
    // Both away: it waits, and goes by whoever comes first.
    at_ben.away().await;
    let waiting = sender.take(&outbox, QueueId::SAVE_AS_PDF, &Document::pdf(1)).await;
    until(&outbox, waiting, |job| job.reason.as_deref() == Some("peer_unreachable")).await;
    assert_eq!(job(&outbox, hers).await.node, anna.node_id());
    let at_ben = listen(&second, &ben, None).await;
    sender.peers.learn(ben.node_id(), vec![at_ben.address]);
    carry_news(&at_ben, ben.node_id(), &outbox);
    outbox.is_back(ben.node_id());
    assert_eq!(until(&outbox, waiting, done).await.node, ben.node_id());
    let at_anna = listen(&first, &anna, Some(address)).await;
    carry_news(&at_anna, anna.node_id(), &outbox);
    outbox.is_back(anna.node_id());
    at_anna.running.offer.pause_queue(&paused, false).await.unwrap();
    let hers = until(&outbox, hers, done).await;
    assert_eq!((hers.node, hers.attempt), (anna.node_id(), 1));
    assert_eq!((files(&first.printed_folder()).len(), files(&second.printed_folder()).len()), (1, 2));
}
