"""The table of models, one row each; `zoo.registry.Entry` says what the columns are."""

_FGM = {
    "technique": "adversarial",
    "task": "text-classification",
    "build": "zoo.masks.classifiers:TextClassifier",
    "paper": "Adversarial Training Methods for Semi-Supervised Text Classification "
    "(Miyato, Dai, Goodfellow; arXiv 1605.07725)",
    "post": "https://kexue.fm/archives/7234",
}

_MASKS = {
    "technique": "masks",
    "build": "zoo.masks.net:Transformer",
    "start": "zoo.masks.backbone:from_foreign",
    "paper": "Unified Language Model Pre-training for Natural Language Understanding and "
    "Generation (Dong et al.; arXiv 1905.03197)",
    "post": "https://kexue.fm/archives/6933",
}

_PICTURES = {
    "technique": "pictures",
    "task": "image-classification",
    "build": "zoo.pictures.net:PictureClassifier",
    "post": "",
}

_LINKING = {
    "technique": "linking",
    "task": "token-classification",
    "post": "https://kexue.fm/archives/6919",
}

_GAN = {
    "technique": "gan",
    "task": "unconditional-image-generation",
    "build": "zoo.gan.net:Gan",
    "post": "https://kexue.fm/archives/6583",
}

_R1 = {
    "paper": "Which Training Methods for GANs do actually Converge? "
    "(Mescheder, Geiger, Nowozin; arXiv 1801.04406)",
    **_GAN,
}

_NVAE = {
    "technique": "nvae",
    "task": "unconditional-image-generation",
    "build": "zoo.nvae.net:NVAE",
    "paper": "NVAE: A Deep Hierarchical Variational Autoencoder (Vahdat, Kautz; arXiv 2007.03898)",
    "post": "https://kexue.fm/archives/7574",
}

TABLE: list[dict[str, str]] = [
    {
        "name": "adversarial_fgm_poems",
        "summary": "Tang or Song? The dynasty of a Chinese poem; a character Transformer and FGM.",
        "recipe": "adversarial/fgm_poems.yaml",
        **_FGM,
    },
    {
        "name": "adversarial_fgm_sentiment",
        "summary": "Chinese reviews, negative or positive; a character Transformer and FGM.",
        "recipe": "adversarial/fgm_sentiment.yaml",
        **_FGM,
    },
    {
        "name": "decoding_lstm_poems",
        "technique": "decoding",
        "summary": "Continue a Chinese poem from its first line; an LSTM that is bound to stop.",
        "task": "text-generation",
        "build": "zoo.decoding.net:LanguageModel",
        "recipe": "decoding/lstm_poems.yaml",
        "paper": "Consistency of a Recurrent Language Model With Respect to Incomplete Decoding "
        "(Welleck et al.; arXiv 2002.02492)",
        "post": "https://kexue.fm/archives/7500",
    },
    {
        "name": "masks_small_zh",
        "summary": "A small Chinese BERT for any mask: multilingual-e5, its vocabulary and depth "
        "cut.",
        "task": "fill-mask",
        "recipe": "masks/small_zh.yaml",
        "licence": "MIT",
        **_MASKS,
    },
    {
        "name": "masks_title_csl",
        "summary": "The title of a Chinese paper from its abstract; a BERT under UniLM's mask.",
        "task": "summarization",
        "recipe": "masks/title_csl.yaml",
        "licence": "MIT",
        **_MASKS,
    },
    {
        "name": "masks_classifier_sentiment",
        "technique": "masks",
        "summary": "Chinese reviews, negative or positive; a small BERT and FGM.",
        "task": "text-classification",
        "build": "zoo.masks.classifiers:build_classifier",
        "recipe": "masks/classifier_sentiment.yaml",
        "paper": "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding "
        "(Devlin et al.; arXiv 1810.04805)",
        "post": "https://kexue.fm/archives/7234",
        "licence": "MIT",
        "start": "zoo.masks.backbone:classifier",
    },
    {
        "name": "masks_poems_lm",
        "summary": "Chinese poems from left, from right or in any order: one net, the mask "
        "decides.",
        "task": "text-generation",
        "recipe": "masks/poems_lm.yaml",
        **_MASKS,
    },
    {
        "name": "pictures_digits",
        "summary": "Which digit? A small classifier of MNIST, and a feature net for distances.",
        "recipe": "pictures/digits.yaml",
        "paper": "Gradient-Based Learning Applied to Document Recognition "
        "(LeCun, Bottou, Bengio, Haffner; Proceedings of the IEEE 86(11), 1998)",
        **_PICTURES,
    },
    {
        "name": "pictures_fashion",
        "summary": "Which garment? A small classifier of Fashion-MNIST, and a feature net.",
        "recipe": "pictures/fashion.yaml",
        "paper": "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
        "Algorithms (Xiao, Rasul, Vollgraf; arXiv 1708.07747)",
        **_PICTURES,
    },
    {
        "name": "linking_poets",
        "summary": "Who is meant by a courtesy name in a Chinese title; entity linking with NIL.",
        "build": "zoo.linking.net:TransformerLinker",
        "recipe": "linking/poets.yaml",
        "paper": "Scalable Zero-shot Entity Linking with Dense Entity Retrieval "
        "(Wu et al.; arXiv 1911.03814)",
        **_LINKING,
    },
    {
        "name": "linking_polyphones",
        "summary": "Which reading has this Chinese character? Readings linked as entities.",
        "build": "zoo.linking.net:TransformerLinker",
        "recipe": "linking/polyphones.yaml",
        "paper": "Scalable Zero-shot Entity Linking with Dense Entity Retrieval "
        "(Wu et al.; arXiv 1911.03814)",
        **_LINKING,
    },
    {
        "name": "linking_ccks2019",
        "summary": "Find and link the entities of short Chinese texts; the joint network of the "
        "post.",
        "build": "zoo.linking.joint:JointLinker",
        "recipe": "linking/ccks2019.yaml",
        "paper": "CCKS 2019, task 2: entity linking in short Chinese texts",
        **_LINKING,
    },
    {
        "name": "linking_wordnet",
        "summary": "Which sense has this English word? The joint network of the post on WordNet.",
        "build": "zoo.linking.joint:JointLinker",
        "recipe": "linking/wordnet.yaml",
        "paper": "WordNet: A Lexical Database for English (Miller; doi 10.1145/219717.219748)",
        **_LINKING,
    },
    {
        "name": "gan_r1_digits",
        "summary": "Handwritten digits from noise; a small DCGAN with R1.",
        "recipe": "gan/r1_digits.yaml",
        **_R1,
    },
    {
        "name": "gan_r1_fashion",
        "summary": "Garments from noise; a small DCGAN with R1.",
        "recipe": "gan/r1_fashion.yaml",
        **_R1,
    },
    {
        "name": "gan_r3_colour",
        "summary": "Small colour pictures by class from noise; R1 and R2 with the paired loss.",
        "recipe": "gan/r3_colour.yaml",
        "paper": "The GAN is dead; long live the GAN! A Modern Baseline GAN "
        "(Huang, Gokaslan, Kuleshov, Tompkin; arXiv 2501.05441)",
        **_GAN,
    },
    {
        "name": "nvae_tiny_digits",
        "summary": "Draw, encode, complete and score handwritten digits; a deep VAE for a CPU.",
        "recipe": "nvae/tiny_digits.yaml",
        **_NVAE,
    },
    {
        "name": "nvae_tiny_fashion",
        "summary": "Draw, encode, complete and score garments; a deep VAE for a CPU.",
        "recipe": "nvae/tiny_fashion.yaml",
        **_NVAE,
    },
    {
        "name": "nvae_tiny_stacked",
        "summary": "Draw and score three digits in the colours of one picture; a deep VAE.",
        "recipe": "nvae/tiny_stacked.yaml",
        **_NVAE,
    },
    {
        "name": "nvae_paper_digits",
        "summary": "NVAE as published for MNIST, 33 million parameters; not trained here.",
        "recipe": "nvae/paper_digits.yaml",
        **_NVAE,
    },
]
