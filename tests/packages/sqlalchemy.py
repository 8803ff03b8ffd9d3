"""Tables, sessions, relations and queries over SQLite."""
import sqlalchemy as sa
from sqlalchemy import orm

Base = orm.declarative_base()


class Author(Base):
    __tablename__ = "author"
    id = sa.Column(sa.Integer, primary_key=True)
    name = sa.Column(sa.String(50), nullable=False, unique=True)
    books = orm.relationship("Book", back_populates="author", cascade="all, delete-orphan", order_by="Book.year")


class Book(Base):
    __tablename__ = "book"
    id = sa.Column(sa.Integer, primary_key=True)
    title = sa.Column(sa.String)
    year = sa.Column(sa.Integer)
    author_id = sa.Column(sa.ForeignKey("author.id"))
    author = orm.relationship(Author, back_populates="books")

    @orm.validates("year")
    def check_year(self, key, value):
        if value < 0:
            raise ValueError("negative " + key)
        return value


engine = sa.create_engine("sqlite://")
Base.metadata.create_all(engine)
print(sa.schema.CreateTable(Book.__table__).compile(engine))
with orm.Session(engine) as session:
    session.add_all([Author(name=n, books=[Book(title=f"{n}{i}", year=1900 + i * 7) for i in range(3)]) for n in "XYZ"])
    session.commit()
    query = sa.select(Author.name, sa.func.count(Book.id), sa.func.max(Book.year)).join(Book).where(Book.year > 1900).group_by(Author.name)
    print(query, session.execute(query).all(), sep="\n")
    author = session.query(Author).options(orm.joinedload(Author.books)).filter_by(name="Y").one()
    print([(b.title, b.year) for b in author.books], author in session.dirty)
    author.books.pop()
    author.name = "W"
    print(len(session.dirty), session.query(Book).count())
    session.rollback()
    session.delete(author)
    session.flush()
    print(session.scalars(sa.select(Book.title).order_by(Book.title.desc())).all())
    session.add(Author(name="X"))
    try:
        session.flush()
    except sa.exc.IntegrityError as error:
        print(str(error).splitlines()[0])
try:
    Book(year=-1)
except ValueError as error:
    print(error)
with engine.begin() as connection:
    for row in connection.execute(sa.text("select name, id from author where id > :i"), {"i": 1}).mappings():
        print(dict(row))
    row = connection.execute(sa.select(sa.literal(1).label("a"), sa.literal("b").label("b"))).first()
    print(row, row.a, row[1], row == (1, "b"), row._mapping["b"], hash(row) == hash((1, "b")))
print(sa.select(Book).where(sa.or_(Book.title.like("a%"), Book.year.between(1, 2), ~Book.id.in_([1, 2]))).limit(3))
