"""Networks with scikit-learn's contract: fit, predict, score, in pipelines, in searches, with weights.

MLPRegressor and MLPClassifier learn from tables; RNNRegressor and RNNClassifier from sequences (n, steps, features),
lists of sequences of different lengths, or tables whose columns are the steps. They are models of chainrule.nn,
trained by chainrule.optim; the model is there as `module_` after `fit`. scikit-learn comes with
`pip install 'chainrule[learn]'`.

>>> import numpy as np
>>> from chainrule.estimators import MLPRegressor
>>> x = np.linspace(-1, 1, 50)[:, None]
>>> model = MLPRegressor(hidden_layer_sizes=(16,), activation="tanh", solver="lbfgs", alpha=0, random_state=0)
>>> round(model.fit(x, x[:, 0] ** 2).score(x, x[:, 0] ** 2), 2)
1.0
"""

from ..utils.packages import need as _need

_need("sklearn", "chainrule.estimators")

from .mlp import MLPClassifier, MLPRegressor
from .rnn import RNNClassifier, RNNRegressor

__all__ = ["MLPRegressor", "MLPClassifier", "RNNRegressor", "RNNClassifier"]
