"""Training from numpy's memory, prediction, scikit-learn's interface, a model that is saved and read again, an objective in Python."""
import os
import tempfile

import numpy
import xgboost

rng = numpy.random.default_rng(0)
features = rng.normal(size=(300, 5))
classes = (features[:, 0] + features[:, 1] * 2 > 0).astype(int)
matrix = xgboost.DMatrix(features, label=classes)


def squares(predicted, data):
    return predicted - data.get_label(), numpy.ones_like(predicted)


log = {}
booster = xgboost.train({"objective": "binary:logistic", "max_depth": 3, "eta": 0.3, "nthread": 1}, matrix, 20, evals=[(matrix, "train")],
                        verbose_eval=5, evals_result=log)
predicted = booster.predict(matrix)
print(predicted[:5].round(4), ((predicted > 0.5) == classes).mean(), booster.get_score(), len(log["train"]["logloss"]))
regressor = xgboost.XGBRegressor(n_estimators=10, n_jobs=1).fit(features, features[:, 0])
print(regressor.predict(features[:3]).round(4), regressor.feature_importances_.round(3))
own = xgboost.train({"nthread": 1, "max_depth": 2}, matrix, 5, obj=squares)
print(own.predict(matrix)[:3].round(4))
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "model.json")
    booster.save_model(path)
    print(numpy.array_equal(xgboost.Booster(model_file=path).predict(matrix), predicted))
try:
    booster.predict(xgboost.DMatrix(features[:, :3]))
except ValueError as error:
    print(str(error)[:60])
