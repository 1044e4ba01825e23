//! Chapter 2: who may say it is done?
