use crate::{
    signer::{Release, Repository},
    wearable::{SMALL, Wearable},
};
use cuff_bootloader::plan::HandOver;

#[test]
fn an_update_is_tried_confirmed_and_installed() {
    let mut repository = Repository::new();
    let (old, new) = (Release::new("1.0", 1, 2000), Release::new("1.1", 2, 2900));
    repository.release(old.clone());
    let mut unit = Wearable::new(&SMALL, &repository);
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
    repository.release(new.clone());
    unit.offer(&repository, &new).expect("uploaded");
    let before = unit.flash.operations();
    let id = unit.boot_to_trial();
    println!("ops {}", unit.flash.operations() - before);
    assert!(unit.runs(&new));
    unit.confirm(id).expect("confirmed");
    assert_eq!(unit.boot(), HandOver::Jump { trial: None });
    assert!(unit.runs(&new));
    assert_eq!(unit.counter(), Some(2));
    println!("{:#?}", unit.log());
}
