"""Models, forms, templates and the test client in one file."""
import django
from django.conf import settings

settings.configure(DEBUG=False, SECRET_KEY="k", ROOT_URLCONF="__main__", ALLOWED_HOSTS=["*"], INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
                   DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}, USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.AutoField",
                   TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}])
django.setup()
from django import forms
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.models import Count, F, Q
from django.http import JsonResponse
from django.template import Context, Template
from django.test import Client
from django.urls import path

call_command("migrate", verbosity=0)


class Item(models.Model):
    name = models.CharField(max_length=9)
    price = models.DecimalField(max_digits=6, decimal_places=2)
    owner = models.ForeignKey(User, models.CASCADE, related_name="items")

    class Meta:
        app_label = "auth"


with connection.schema_editor() as editor:
    editor.create_model(Item)
ann, bob = User.objects.create_user("ann", password="pw"), User.objects.create_user("bob")
Item.objects.bulk_create([Item(name=f"n{i}", price=i * 2, owner=[ann, bob][i % 2]) for i in range(5)])
Item.objects.filter(price__gt=3).update(price=F("price") + 1)
print(Item.objects.values_list("name", "price"), User.objects.annotate(n=Count("items")).filter(Q(n__gt=2) | Q(username="x")).values("username", "n"))
print(Item.objects.select_related("owner").exclude(owner__username__startswith="a").order_by("-price").query)
print(ann.check_password("pw"), [i.owner.username for i in Item.objects.prefetch_related("owner__groups")])
try:
    with transaction.atomic():
        Group.objects.create(name="g")
        raise RuntimeError
except RuntimeError:
    print(Group.objects.count())


class ItemForm(forms.ModelForm):
    class Meta:
        model = Item
        fields = ["name", "price"]


form = ItemForm({"name": "much too long a name", "price": "x"})
print(form.is_valid(), form.errors, ItemForm().as_p(), sep="\n")
print(Template("{% for i in items %}{{ forloop.counter }}:{{ i.name|upper }}{% if not forloop.last %}, {% endif %}{% endfor %}{{ d|date:'Y' }}").render(Context({"items": Item.objects.all()})))


def view(request, n):
    return JsonResponse({"n": n, "get": request.GET.dict()})


urlpatterns = [path("v/<int:n>/", view)]
print(Client().get("/v/4/?a=b").content, Client().get("/w").status_code)
call_command("check")
