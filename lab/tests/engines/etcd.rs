//! Three members, asked as clients of etcd ask.

use std::time::Duration;

use lab::engines::{EtcdClient, EtcdCluster, EtcdOptions, Found};

const DEADLINE: Duration = Duration::from_secs(20);

#[test]
fn three_members_keep_what_one_was_told_and_go_on_without_their_leader() {
    let options = EtcdOptions { members: 3, ..EtcdOptions::default() };
    let mut etcd = EtcdCluster::start(&options).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let members: Vec<_> = etcd.members().iter().map(|member| member.addr()).collect();
    let connect =
        |member: usize| runtime.block_on(EtcdClient::connect(members[member], DEADLINE)).unwrap();
    let leads = |member: &usize| {
        let mut client = connect(*member);
        runtime.block_on(client.status()).unwrap().is_leader
    };
    let leaders: Vec<usize> = (0..3).filter(leads).collect();
    let [leader] = leaders[..] else { panic!("not one leader: {leaders:?}") };
    let (mut at_leader, mut at_other) = (connect(leader), connect((leader + 1) % 3));
    let value = vec![7; 40_000];
    let found = |value: &[u8], version| Some(Found { value: value.to_vec().into(), version });
    runtime.block_on(async {
        assert_eq!(at_other.get(b"umbrella", false).await.unwrap(), None);
        let before = at_leader.status().await.unwrap().revision;
        let synced = etcd.fsyncs().unwrap();
        at_leader.put(b"umbrella", b"alice").await.unwrap();
        at_other.put(b"umbrella", &value).await.unwrap();
        assert_eq!(at_leader.get(b"umbrella", false).await.unwrap(), found(&value, 2));
        assert_eq!(at_leader.get(b"umbrella", true).await.unwrap(), found(&value, 2));
        assert_eq!(at_leader.status().await.unwrap().revision, before + 2);
        assert!(etcd.fsyncs().unwrap() >= synced + 2, "a majority forced each put");
        // Many at a time on one connection.
        let puts = (0..100_u32).map(|i| {
            let mut client = at_leader.clone();
            tokio::spawn(async move { client.put(&i.to_be_bytes(), b"x").await })
        });
        for put in puts.collect::<Vec<_>>() {
            put.await.unwrap().unwrap();
        }
        assert!(at_leader.put(b"", b"no key").await.unwrap_err().to_string().contains("status 3"));
    });
    etcd.crash(leader);
    runtime.block_on(async {
        assert!(at_leader.put(b"umbrella", b"bob").await.is_err(), "it is gone");
        // Asked again until another one leads.
        while at_other.put(b"umbrella", b"carol").await.is_err() {}
    });
    etcd.restart(leader).unwrap();
    let mut back = connect(leader);
    let kept = runtime.block_on(back.get(b"umbrella", false)).unwrap().unwrap();
    assert_eq!(kept.value, b"carol".as_slice());
}
