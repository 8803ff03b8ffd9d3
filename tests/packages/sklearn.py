"""Models, pipelines, cross validation with several processes and threads."""
import numpy as np
from sklearn import datasets, decomposition, ensemble, linear_model, metrics, model_selection, neighbors, pipeline, preprocessing, svm, tree
from sklearn.cluster import DBSCAN, KMeans
from sklearn.feature_extraction.text import TfidfVectorizer

x, y = datasets.load_iris(return_X_y=True)
train_x, test_x, train_y, test_y = model_selection.train_test_split(x, y, random_state=0)
for model in (linear_model.LogisticRegression(max_iter=500), svm.SVC(), tree.DecisionTreeClassifier(random_state=0), ensemble.RandomForestClassifier(20, random_state=0, n_jobs=2),
              ensemble.HistGradientBoostingClassifier(max_iter=20, random_state=0), neighbors.KNeighborsClassifier()):
    print(model, model.fit(train_x, train_y).score(test_x, test_y))
print(model_selection.cross_val_score(pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.SGDClassifier(random_state=0)), x, y, cv=3).round(4))
search = model_selection.GridSearchCV(svm.SVC(), {"C": [0.1, 1, 10]}, cv=3).fit(x, y)
print(search.best_params_, round(search.best_score_, 4), metrics.confusion_matrix(test_y, search.predict(test_x)))
print(round(KMeans(3, n_init=2, random_state=0).fit(x).inertia_, 4), np.bincount(DBSCAN(eps=0.8).fit(x).labels_ + 1))
print(decomposition.PCA(2).fit(x).explained_variance_ratio_.round(6))
print(TfidfVectorizer().fit_transform(["a cat sat", "the cat ran", "dogs ran"]).toarray().round(3))
print(linear_model.Lasso(0.1).fit(x, y).coef_.round(5), tree.export_text(tree.DecisionTreeClassifier(max_depth=2, random_state=0).fit(x, y)))
try:
    svm.SVC().predict(x)
except Exception as error:
    print(type(error).__name__, error)
try:
    svm.SVC(C=-1).fit(x, y)
except Exception as error:
    print(type(error).__name__, error)
