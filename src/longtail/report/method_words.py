"""What each method does, in a line for the reader of a table."""

__all__ = ["METHOD_WORDS"]

METHOD_WORDS = {
    "joint": "the network's own classifier, as trained",
    "ncm": "nearest class mean",
    "lda": "linear discriminant, all classes equally probable",
    "ridge": "regression on the classes, each weighed alike",
    "la": "the log share of each class taken out of the scores",
    "tau": "each class's weights divided by their length to the power tau",
    "lws": "a learned factor for each class's weights",
    "marc": "a learned factor and bias a class on the trained scores",
    "bsm": "classifier trained by balanced softmax",
    "cb": "classifier trained with weights by the effective number of images",
    "crt": "classifier trained again, each class drawn equally often",
    "cosine": "classifier on cosines, trained by balanced softmax",
    "ldam": "classifier trained with wider margins for rare classes",
    "maxnorm": "classifier whose weights have a largest length",
    "disalign": "scores corrected where the image asks for it",
    "knn": "votes of the nearest training images, weighed by class size",
    "mlp": "a network with one hidden layer, trained by balanced softmax",
    "ensemble": "the mean of several of these",
    "dlsa": "flow filters with a classifier for each block of classes that look alike",
    "auto": "the one of these that was best where choices are made, fitted again",
}
