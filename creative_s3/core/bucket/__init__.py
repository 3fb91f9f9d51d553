"""The bucket itself: how it is set up, who may do what there, its versions, its copy in a second region."""
